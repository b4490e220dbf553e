"""What an adaptor in Python is made of: a table of operations, and the edge to the contract in `wit/`.

Yours to change: it was written into your project with everything else, and nothing else depends on it.
"""

import inspect
import json

from componentize_py_types import Err
from wit_world.exports import operations as wit


class Failed(Exception):
    """The other system answered, and its answer was a failure. The job catches an error with this code and these details."""

    def __init__(self, code: str, message: str, **details):
        super().__init__(message)
        self.code = code
        self.details = details


class Denied(Exception):
    """The host refused: the project does not grant it."""


class Timeout(Exception):
    """Names what was waited for."""


class Reply:
    """What an operation gives back when data alone is not all: `response` becomes `state.response`."""

    def __init__(self, data, response=None):
        self.data = data
        self.response = response

    def written(self) -> wit.Reply:
        return wit.Reply(written(self.data), None if self.response is None else written(self.response))


def written(value) -> str:
    """As JSON; Python would write NaN, too, which is none."""
    return json.dumps(value, allow_nan=False)


def parameter(docs: str, **schema) -> dict:
    """One parameter's docs and JSON Schema: `parameter("The patient's number.", type="integer")`."""
    return {"docs": docs, "schema": schema}


class Adaptor:
    """The table. What is given here is what `fonio adaptor inspect` shows."""

    def __init__(self, name: str, version: str, docs: str, credential: dict, answers_to=()):
        self.name = name
        self.version = version
        self.docs = docs
        self.credential = credential
        self.answers_to = list(answers_to)
        self.operations = {}

    def operation(self, **parameters):
        """Makes a function an operation: its name and its docstring are what jobs see, its first parameter is the state.

        A parameter with a default value may be left out of a call.
        """

        def register(function):
            declared = list(inspect.signature(function).parameters.values())[1:]
            self.operations[function.__name__] = (function, [
                wit.Parameter(
                    name=each.name,
                    docs=parameters[each.name]["docs"],
                    schema=json.dumps(parameters[each.name]["schema"]),
                    optional=each.default is not inspect.Parameter.empty,
                )
                for each in declared
            ])
            return function

        return register

    def describe(self) -> wit.Description:
        return wit.Description(
            name=self.name,
            version=self.version,
            docs=self.docs,
            operations=[
                wit.Operation(name, inspect.getdoc(function) or "", parameters)
                for name, (function, parameters) in self.operations.items()
            ],
            credential_schema=json.dumps(self.credential),
            answers_to=self.answers_to,
            wants=["network", "log"],
        )

    def invoke(self, operation: str, arguments: str, state: str) -> wit.Reply:
        if operation not in self.operations:
            raise Err(wit.Error_UnknownOperation(operation))
        function, parameters = self.operations[operation]
        given = json.loads(arguments)
        for position, each in enumerate(parameters):
            if not each.optional and (position >= len(given) or given[position] is None):
                raise Err(wit.Error_InvalidArgument(f"`{each.name}` is missing"))
        try:
            answer = function(json.loads(state), *given[: len(parameters)])
            return answer.written() if isinstance(answer, Reply) else Reply(answer).written()
        except Failed as failed:
            details = json.dumps(failed.details)
            raise Err(wit.Error_Failed(wit.Failure(failed.code, str(failed), details)))
        except Denied as denied:
            raise Err(wit.Error_Denied(str(denied)))
        except Timeout as late:
            raise Err(wit.Error_Timeout(str(late)))
        except Exception as error:
            # Uncaught, it would end the whole component, and the job would read of a trap.
            raise Err(wit.Error_Other(f"{type(error).__name__}: {error}"))

    def exported(self) -> type:
        """The class that componentize-py looks for: `Operations = adaptor.exported()`."""
        adaptor = self

        class Operations:
            def describe(self) -> wit.Description:
                return adaptor.describe()

            def invoke(self, operation: str, arguments: str, state: str) -> wit.Reply:
                return adaptor.invoke(operation, arguments, state)

        return Operations
