"""Params that are refused, and what the published schema says of the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from reward_server.verifiers.code_params import CodeParams
from tests.unit.code_facts import ASSERTS, CALLS, STDIO, SUITE, weighted


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({}, "form"),
        ({"form": "stdio", "cases": []}, "at least 1"),
        ({"form": "stdio", "cases": [{"stdout": 4}]}, "valid string"),
        ({"form": "stdio", "cases": [{"stdout": "4"}], "entry_point": "f"}, "Extra inputs"),
        ({"form": "stdio", "cases": [{"stdout": "4"}] * 1025}, "at most 1024"),
        ({**STDIO, "language": "cobol"}, "unknown language 'cobol'; known: python"),
        ({**STDIO, "policy": "most"}, "'first_failure', 'all' or 'pass_rate'"),
        (weighted(0, 0), "every case has weight 0"),
        (weighted(1, -1), "greater than or equal to 0"),
        ({**STDIO, "float_abs": -1e-6}, "greater than or equal to 0"),
        ({**CALLS, "entry_point": "f.g.h"}, "neither a name nor Class.method"),
        ({**CALLS, "entry_point": "f()"}, "neither a name nor Class.method"),
        ({**CALLS, "cases": [{"args": [1]}]}, "the case asks for nothing"),
        ({**CALLS, "cases": [{"expected": 1, "raises": "E"}]}, "neither expected nor args_after"),
        ({**CALLS, "cases": [{"expected": 1, "raises_message": "x"}]}, "raises_message needs raises"),
        ({**CALLS, "cases": [{"raises": "E", "raises_message": "("}]}, "not a regular expression of RE2"),
        ({**CALLS, "cases": [{"expected": 1, "steps": [{"method": "m"}]}]}, "put it into the steps"),
        ({**CALLS, "cases": [{"steps": [{"method": "m"}]}]}, "the case asks for nothing"),
        ({**CALLS, "cases": [{"steps": [{"method": "m()", "expected": 1}]}]}, "is not a name"),
        ({**SUITE, "language": "cobol"}, "unknown language"),
        ({**SUITE, "module": "a.b"}, "not a name that can be imported"),
        ({**SUITE, "files": [{"path": "../t.py", "source": ""}]}, "must be relative"),
        ({**SUITE, "files": [{"path": "solution.py", "source": ""}]}, "in the way of the module"),
        ({**SUITE, "files": [{"path": f"{n}.py", "source": ""} for n in "ab"]}, "nothing would be run"),
        ({**SUITE, "cases": ["test_a", "test_a"]}, "all different, or all left out"),
        ({**SUITE, "cases": ["test_a", "test_it.py::test_a"]}, "all different, or all left out"),
        ({**SUITE, "cases": ["test_a", {}]}, "all different, or all left out"),
        ({**CALLS, "rel_tol": -1}, "greater than or equal to 0"),
        ({**ASSERTS, "entry_point": None, "prefix": "def f():\n"}, "prefix needs entry_point"),
        ({**ASSERTS, "cases": [""]}, "at least 1 character"),
        (
            {"form": "program", "language": "rust", "cases": [{"source": "fn main() {}"}], "declaration": "fn f();"},
            "declaration is for C and C++",
        ),
    ],
)
def test_malformed_params_are_refused_with_the_reason(params: dict[str, Any], complaint: str):
    with pytest.raises(ValidationError, match="(?s)" + complaint.replace("(", r"\(").replace(")", r"\)")):
        CodeParams.model_validate_json(json.dumps(params))


def test_the_published_schema_describes_every_field():
    schema = CodeParams.model_json_schema()
    for model in schema["$defs"].values():
        for name, field in model.get("properties", {}).items():
            assert field.get("description"), name
