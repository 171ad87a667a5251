"""A user of every service: one command, one line of JSON. Arguments: TLS files or "-", port, command, its words."""
import json
import os
import ssl
import sys
import threading
import time

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, build_role, evt
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation, UserIdentityNegotiation
from pynetdicom.sop_class import (
    CTImageStorage,
    InstanceAvailabilityNotification,
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind as Find,
    StudyRootQueryRetrieveInformationModelGet as Get,
    StudyRootQueryRetrieveInformationModelMove as Move,
    Verification,
)

# Files are sent as they are.
_config.STORE_SEND_CHUNKED_DATASET = True


def connect(*classes, syntaxes=(ExplicitVRLittleEndian, ImplicitVRLittleEndian), **options):
    ae = AE("PYNETDICOM")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    for uid in (Verification, *classes):
        ae.add_requested_context(uid, list(syntaxes))
    association = ae.associate("127.0.0.1", port, ae_title="TELERAD", **tls, **options)
    if not association.is_established:
        raise SystemExit(json.dumps({"established": False}))
    return association


def still_there(association):
    """C-ECHO, then release."""
    status = association.send_c_echo().get("Status")
    association.release()
    return status


def keys(level, **values):
    identifier = Dataset()
    if level:
        identifier.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(identifier, keyword, value)
    return identifier


def echo():
    association = connect()
    statuses = [association.send_c_echo().get("Status") for _ in range(10)]
    association.release()
    return {"statuses": statuses, "released": association.is_released}


def items():
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 4, 1
    user = UserIdentityNegotiation()
    user.user_identity_type, user.positive_response_requested = 2, True
    user.primary_field, user.secondary_field = b"user", b"secret"
    role = build_role(CTImageStorage, scu_role=True, scp_role=True)
    association = connect(CTImageStorage, ext_neg=[window, user, role], max_pdu=0)
    answered = association.acceptor
    window = answered.asynchronous_operations
    roles = {uid: [item.scu_role, item.scp_role] for uid, item in answered.role_selection.items()}
    identity = any(type(item).__name__ == "UserIdentityNegotiation" for item in answered.user_information)
    return {"window": window, "roles": roles, "identity": identity, "echo": still_there(association)}


def store(*files):
    association = connect(CTImageStorage, syntaxes=[ExplicitVRLittleEndian])
    statuses = [association.send_c_store(path).get("Status") for path in files]
    return {"statuses": statuses, "echo": still_there(association)}


def find(study):
    association = connect(Find)
    asked = keys("IMAGE", StudyInstanceUID=study, SOPInstanceUID="", PatientID="")
    answers = list(association.send_c_find(asked, Find))
    uids = [identifier.SOPInstanceUID for status, identifier in answers if identifier is not None]
    return {"final": answers[-1][0].get("Status"), "uids": uids, "echo": still_there(association)}


def worklist():
    association = connect(ModalityWorklistInformationFind)
    step = Dataset()
    step.Modality, step.ScheduledProcedureStepID = "CT", ""
    asked = keys(None, AccessionNumber="", PatientName="", ScheduledProcedureStepSequence=[step])
    answers = list(association.send_c_find(asked, ModalityWorklistInformationFind))
    steps = [
        identifier.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID
        for status, identifier in answers
        if identifier is not None
    ]
    return {"final": answers[-1][0].get("Status"), "steps": steps, "echo": still_there(association)}


def cancel_find():
    association = connect(Find)
    asked = keys("STUDY", PatientID="TENTHOUSAND", StudyInstanceUID="")
    started, count, final = time.monotonic(), 0, None
    for status, identifier in association.send_c_find(asked, Find, msg_id=7):
        final = status.get("Status")
        count += identifier is not None
        if count == 1 and identifier is not None:
            association.send_c_cancel(7, query_model=Find)
    seconds = time.monotonic() - started
    return {"final": final, "answers": count, "seconds": seconds, "echo": still_there(association)}


def retrieval(association, answers, model, cancel):
    sums, last, failed = set(), None, None
    for status, identifier in answers:
        last = status
        names = ("Remaining", "Completed", "Failed", "Warning")
        counts = [status.get(f"NumberOf{name}Suboperations") for name in names]
        if status.get("Status") == 0xFF00:
            sums.add(sum(count or 0 for count in counts))
            if cancel:
                association.send_c_cancel(7, query_model=model)
                cancel = False
        if identifier is not None and "FailedSOPInstanceUIDList" in identifier:
            failed = identifier.FailedSOPInstanceUIDList
    failed = [failed] if isinstance(failed, str) else list(failed or [])
    return {"final": last.get("Status"), "counts": counts, "sums": sorted(sums), "failed": failed}


def move(destination, study, cancel=""):
    association = connect(Move)
    answers = association.send_c_move(keys("STUDY", StudyInstanceUID=study), destination, Move, msg_id=7)
    told = retrieval(association, answers, Move, cancel)
    return {**told, "echo": still_there(association)}


def get(folder, study, refused="", cancel=""):
    os.makedirs(folder, exist_ok=True)

    def keep(event):
        uid = event.request.AffectedSOPInstanceUID
        if uid == refused:
            return 0xA700
        with open(os.path.join(folder, uid), "wb") as file:
            file.write(event.request.DataSet.getvalue())
        return 0x0000

    role = build_role(CTImageStorage, scp_role=True)
    handlers = [(evt.EVT_C_STORE, keep)]
    association = connect(Get, CTImageStorage, ext_neg=[role], evt_handlers=handlers)
    answers = association.send_c_get(keys("STUDY", StudyInstanceUID=study), Get, msg_id=7)
    told = retrieval(association, answers, Get, cancel)
    return {**told, "echo": still_there(association)}


def mpps(uid):
    association = connect(ModalityPerformedProcedureStep, ModalityPerformedProcedureStepRetrieve)
    step = Dataset()
    step.PerformedProcedureStepStatus, step.PerformedProcedureStepID = "IN PROGRESS", "PPS1"
    step.PatientName, step.Modality = "TRIAL^ANNA", "CT"
    end = Dataset()
    end.PerformedProcedureStepStatus = "COMPLETED"
    names = ModalityPerformedProcedureStep, uid
    created, _ = association.send_n_create(step, *names)
    again, _ = association.send_n_create(step, *names)
    completed, _ = association.send_n_set(end, *names)
    late, _ = association.send_n_set(end, *names)
    unknown, _ = association.send_n_set(end, ModalityPerformedProcedureStep, "2.25.404")
    tags = [0x00400252, 0x00400253]
    got, attributes = association.send_n_get(tags, ModalityPerformedProcedureStepRetrieve, uid)
    attributes = attributes if attributes is not None else Dataset()
    return {
        "statuses": [status.get("Status") for status in (created, again, completed, late, unknown, got)],
        "step": [attributes.get("PerformedProcedureStepStatus"), attributes.get("PerformedProcedureStepID")],
        "echo": still_there(association),
    }


def commit(transaction, listening, *uids):
    """With a port to listen on, the result has to come there; "later", on the next association; else on this one."""
    results, came = [], threading.Event()

    def reported(event):
        result = event.event_information
        missing = [item.ReferencedSOPInstanceUID for item in result.get("FailedSOPSequence", [])]
        there = [item.ReferencedSOPInstanceUID for item in result.get("ReferencedSOPSequence", [])]
        results.append([result.TransactionUID, event.event_type, there, missing])
        came.set()
        return 0x0000, None

    handlers = [(evt.EVT_N_EVENT_REPORT, reported)]
    server = None
    elsewhere, apart = bool(listening), listening not in ("", "later")
    if apart:
        ae = AE("PYNETDICOM")
        # Here the one who connects is the provider.
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
        server = ae.start_server(("127.0.0.1", int(listening)), block=False, evt_handlers=handlers)
    association = connect(StorageCommitmentPushModel, evt_handlers=[] if elsewhere else handlers)
    asked = Dataset()
    asked.TransactionUID, asked.ReferencedSOPSequence = transaction, []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, uid
        asked.ReferencedSOPSequence.append(item)
    names = StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    status, _ = association.send_n_action(asked, 1, *names)
    if elsewhere:
        association.release()
    if listening == "later":
        association = connect(StorageCommitmentPushModel, evt_handlers=handlers)
    came.wait(20)
    echo = 0
    if server is not None:
        time.sleep(0.3)
        server.shutdown()
    else:
        echo = still_there(association)
    return {"status": status.get("Status"), "results": results, "echo": echo}


def available(study, uid):
    association = connect(InstanceAvailabilityNotification)
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CTImageStorage, uid
    reference.InstanceAvailability, reference.RetrieveAETitle = "ONLINE", "PYNETDICOM"
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = study + ".1", [reference]
    notice = Dataset()
    notice.ReferencedPerformedProcedureStepSequence = []
    notice.StudyInstanceUID, notice.ReferencedSeriesSequence = study, [series]
    status, _ = association.send_n_create(notice, InstanceAvailabilityNotification, "2.25.33")
    return {"status": status.get("Status"), "echo": still_there(association)}


COMMANDS = {
    function.__name__: function
    for function in (available, cancel_find, commit, echo, find, get, items, move, mpps, store, worklist)
}
files, port, command, words = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
tls = {}
if files != "-":
    authority, *own = files.split(",")
    context = ssl.create_default_context(cafile=authority)
    if own:
        context.load_cert_chain(*own)
    tls = {"tls_args": (context, "127.0.0.1")}
print(json.dumps(COMMANDS[command](*words)))
