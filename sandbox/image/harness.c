/* The `main` of a program that is built together with its test (sandbox/joined.py), for C, C++ and Rust.

   Only after the test's own main has returned does it write a secret that nobody else gets: the descriptor that the
   secret comes in is read and closed before any code of the program runs, static initialisers included. Whatever ends
   the process earlier (exit, _exit, a signal, a longjmp that never comes back) leaves no record.

   System calls are made directly, and what the test's assertions call is defined here: a program that defines
   functions of these names does not link, or is not asked. */

#include <stddef.h>
#include <sys/syscall.h>

enum { ERRORS = 2, REPORT = 4, SECRET = 5 };

int gavel_test_main(int argc, char **argv, char **envp);
void gavel_failed(const char *kind, const char *text, size_t length) __attribute__((noreturn));

static char secret[64];
static long secret_length;

static long call(long number, long first, long second, long third) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#else
#error "neither x86_64 nor aarch64"
#endif
}

static void put(const char *text, size_t length) {
    call(SYS_write, REPORT, (long)text, (long)length);
}

static void leave(int status) __attribute__((noreturn));

static void leave(int status) {
    for (;;) call(SYS_exit_group, status, 0, 0);
}

static void take_secret(void) {
    secret_length = call(SYS_read, SECRET, (long)secret, sizeof secret);
    call(SYS_close, SECRET, 0, 0);
}

/* Runs before every constructor. */
__attribute__((section(".preinit_array"), used)) static void (*const first_of_all)(void) = take_secret;

static size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return length;
}

/* One byte of a JSON string, at most. What is not plain ASCII becomes a question mark: it is for people only. */
static size_t escaped(char *out, char byte) {
    size_t length = 0;
    if (byte == '"' || byte == '\\') out[length++] = '\\';
    out[length++] = byte >= ' ' && byte <= '~' ? byte : byte == '\n' || byte == '\t' ? ' ' : '?';
    return length;
}

/* The test has failed: say how, and end. A second failure cannot follow, nor a completion. */
void gavel_failed(const char *kind, const char *text, size_t length) {
    static const char opening[] = "{\"completed\":false,\"message\":\"", between[] = ": ", closing[] = "\"}";
    char line[2 * 512 + 2];
    size_t used = 0;
    for (size_t i = 0; i < length && i < 512; i++) used += escaped(line + used, text[i]);
    put(opening, sizeof opening - 1);
    put(kind, length_of(kind));
    put(between, sizeof between - 1);
    put(line, used);
    put(closing, sizeof closing - 1);
    call(SYS_write, ERRORS, (long)text, (long)length);
    call(SYS_write, ERRORS, (long)"\n", 1);
    leave(1);
}

/* What the macro assert of <assert.h> calls. */
void __assert_fail(const char *expression, const char *file, unsigned line, const char *function) {
    (void)file, (void)line, (void)function;
    gavel_failed("AssertionError", expression, length_of(expression));
}

/* What a test that was compiled apart calls for memcmp and bcmp. */
int gavel_memcmp(const void *first, const void *second, size_t length) {
    const unsigned char *left = first, *right = second;
    for (size_t i = 0; i < length; i++)
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    return 0;
}

int main(int argc, char **argv, char **envp) {
    static const char other[] = "the test's main returned another status than 0";
    if (gavel_test_main(argc, argv, envp) != 0) gavel_failed("Error", other, sizeof other - 1);
    put(secret, secret_length > 0 ? (size_t)secret_length : 0);
    leave(0);
}
