"""Patients of the clinic's register: an adaptor to start from."""

from fonio import Adaptor, Reply, http, parameter

adaptor = Adaptor(
    name="adaptor-name",
    version="1.0.0",
    docs="Patients of the clinic's register.",
    credential={
        "type": "object",
        "properties": {
            "baseUrl": {"type": "string", "format": "uri"},
            "token": {"type": "string", "writeOnly": True},
        },
        "required": ["baseUrl", "token"],
    },
)


@adaptor.operation(id=parameter("The patient's number.", type="integer"))
def getPatient(state, id):
    """Reads one patient: `getPatient(7)`."""
    return reply(http.get(address(state, f"/patients/{id}"), signed(state)))


@adaptor.operation(patient=parameter("Name and more.", type="object"))
def addPatient(state, patient):
    """Adds a patient: `addPatient({ name: 'Asha' })`."""
    return reply(http.post(address(state, "/patients"), patient, signed(state)))


def address(state, path):
    return state["configuration"]["baseUrl"] + path


def signed(state):
    # Secrets belong in headers: there a host can keep them from the adaptor and put them in on the way out.
    return {"authorization": f"Bearer {state['configuration']['token']}"}


def reply(response):
    response.success()
    return Reply(response.json(), {"status": response.status})


# What the host calls: see wit/deps/operations.wit.
Operations = adaptor.exported()
