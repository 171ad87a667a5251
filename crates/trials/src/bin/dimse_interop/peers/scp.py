"""A provider of every service. Arguments: port, folder, our port, and for TLS: authority, certificate, key."""
import json
import os
import ssl
import sys
import threading
import time

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, build_context, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    InstanceAvailabilityNotification,
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

port, folder, our_port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
LEVELS = {"PATIENT": "PatientID", "STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
instances, steps, late, lock = {}, {}, [], threading.Lock()
os.makedirs(folder, exist_ok=True)
events = open(os.path.join(folder, "events.json"), "w")


def told(name, **values):
    with lock:
        print(json.dumps({"event": name, **values}), file=events, flush=True)


def requested(event):
    info = {}
    for item in event.assoc.requestor.user_information:
        kind = type(item).__name__
        if kind == "AsynchronousOperationsWindowNegotiation":
            info["window"] = [item.maximum_number_operations_invoked, item.maximum_number_operations_performed]
        elif kind == "SCP_SCU_RoleSelectionNegotiation":
            info.setdefault("roles", []).append([item.sop_class_uid, item.scu_role, item.scp_role])
        elif kind == "UserIdentityNegotiation":
            info["identity"] = [item.user_identity_type, item.primary_field.decode(), item.positive_response_requested]
        elif kind == "SOPClassExtendedNegotiation":
            info["extended"] = [item.sop_class_uid, item.service_class_application_information.hex()]
    told("requested", **info)


def store(event):
    if event.request.AffectedSOPInstanceUID.startswith("2.25.88."):
        return int(event.request.AffectedSOPInstanceUID.rsplit(".")[-1])
    # As it came: what pydicom makes of it is another matter.
    raw = event.request.DataSet.getvalue()
    with open(os.path.join(folder, event.request.AffectedSOPInstanceUID), "wb") as file:
        file.write(raw)
    if event.context.abstract_syntax == CTImageStorage:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        instances[dataset.SOPInstanceUID] = dataset
    return 0x0000


def fits(keys, head):
    for element in keys:
        if element.keyword in ("QueryRetrieveLevel", "SpecificCharacterSet"):
            continue
        if element.VR == "SQ":
            items = head.get(element.keyword) or []
            if element.value and not any(fits(element.value[0], item) for item in items):
                return False
        elif element.value and str(head.get(element.keyword, "")) != str(element.value):
            return False
    return True


def answer(keys, head):
    found = Dataset()
    for element in keys:
        if element.keyword in ("QueryRetrieveLevel", "SpecificCharacterSet"):
            found.add(element)
        elif element.keyword in head:
            found.add(head[element.keyword])
        else:
            found.add_new(element.tag, element.VR, None)
    return found


def scheduled(number):
    step = Dataset()
    step.Modality, step.ScheduledProcedureStepID = "CT", f"SPS{number}"
    item = Dataset()
    item.AccessionNumber, item.PatientID, item.PatientName = f"ACC{number}", f"WL{number}", "TRIAL^ANNA"
    item.ScheduledProcedureStepSequence = [step]
    return item


def find(event):
    keys = event.identifier
    if keys.get("PatientID") == "TENTHOUSAND":
        for number in range(10000):
            if event.is_cancelled:
                told("cancelled", answers=number)
                yield 0xFE00, None
                return
            keys.StudyInstanceUID = f"2.25.{number}"
            yield 0xFF00, keys
            # pynetdicom reads nothing while answers wait to be sent, so they must not be made faster than they leave.
            time.sleep(0.001)
        told("exhausted")
        return
    if event.context.abstract_syntax == ModalityWorklistInformationFind:
        heads = [scheduled(number) for number in (1, 2, 3)]
    else:
        unique = LEVELS[keys.QueryRetrieveLevel]
        heads = {head.get(unique): head for head in instances.values() if fits(keys, head)}.values()
    for head in heads:
        if fits(keys, head):
            yield 0xFF00, answer(keys, head)


def wanted(event):
    keys = event.identifier
    return [head for head in instances.values() if fits(keys, head)]


def move(event):
    if event.move_destination != "TELERAD":
        yield None, None
        return
    contexts = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
    yield "127.0.0.1", our_port, {"contexts": contexts, "ae_title": "TELERAD", **client_tls}
    yield from send(event)


def get(event):
    yield from send(event)


def send(event):
    heads = wanted(event)
    yield len(heads)
    for head in heads:
        if event.is_cancelled:
            yield 0xFE00, None
            return
        yield 0xFF00, head


def create(event):
    uid = event.request.AffectedSOPInstanceUID
    if event.context.abstract_syntax == InstanceAvailabilityNotification:
        series = event.attribute_list.ReferencedSeriesSequence[0]
        reference = series.ReferencedSOPSequence[0]
        told("available", instance=reference.ReferencedSOPInstanceUID, availability=reference.InstanceAvailability)
        return 0x0000, None
    if uid in steps:
        return 0x0111, None
    steps[uid] = event.attribute_list
    told("created", uid=uid, status=steps[uid].PerformedProcedureStepStatus)
    return 0x0000, event.attribute_list


def change(event):
    uid = event.request.RequestedSOPInstanceUID
    if uid not in steps:
        return 0x0112, None
    if steps[uid].PerformedProcedureStepStatus != "IN PROGRESS":
        return 0x0110, None
    steps[uid].update(event.modification_list)
    told("set", uid=uid, status=steps[uid].PerformedProcedureStepStatus)
    return 0x0000, event.modification_list


def fetch(event):
    step = steps.get(event.request.RequestedSOPInstanceUID)
    return (0x0000, step) if step is not None else (0x0112, None)


def act(event):
    asked = event.action_information
    result = Dataset()
    result.TransactionUID = asked.TransactionUID
    there, missing = [], []
    for item in asked.ReferencedSOPSequence:
        if item.ReferencedSOPInstanceUID in instances:
            there.append(item)
        else:
            item.FailureReason = 0x0112
            missing.append(item)
    result.ReferencedSOPSequence = there
    if missing:
        result.FailedSOPSequence = missing
    kind = 2 if missing else 1
    place = {"1": "here", "2": "apart", "3": "later"}[asked.TransactionUID[-1]]
    if place == "later":
        late.append((result, kind, place))
    else:
        start_report(event.assoc, result, kind, place)
    return 0x0000, None


def established(event):
    accepted = [context.abstract_syntax for context in event.assoc.accepted_contexts]
    while late and StorageCommitmentPushModel in accepted:
        start_report(event.assoc, *late.pop())


def start_report(*words):
    threading.Thread(target=report, args=words, daemon=True).start()


def report(association, result, kind, place):
    time.sleep(0.3)
    if place == "apart":
        client = AE("PYNETDICOM")
        client.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        association = client.associate("127.0.0.1", our_port, ae_title="TELERAD", ext_neg=[role], **client_tls)
    names = StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    status, _ = association.send_n_event_report(result, kind, *names)
    told("reported", status=status.get("Status"), place=place)
    if place == "apart":
        association.release()


server_tls, client_tls = None, {}
if len(sys.argv) > 4:
    authority, certificate, key = sys.argv[4:7]
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    outgoing = ssl.create_default_context(cafile=authority)
    for context in (server_tls, outgoing):
        context.load_cert_chain(certificate, key)
    server_tls.load_verify_locations(authority)
    client_tls = {"tls_args": (outgoing, "127.0.0.1")}

ae = AE("PYNETDICOM")
ae.maximum_associations = 20
for context in AllStoragePresentationContexts:
    ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
for service in (
    InstanceAvailabilityNotification,
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
):
    ae.add_supported_context(service, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
handlers = [
    (evt.EVT_REQUESTED, requested),
    (evt.EVT_ESTABLISHED, established),
    (evt.EVT_C_STORE, store),
    (evt.EVT_C_FIND, find),
    (evt.EVT_C_MOVE, move),
    (evt.EVT_C_GET, get),
    (evt.EVT_N_CREATE, create),
    (evt.EVT_N_SET, change),
    (evt.EVT_N_GET, fetch),
    (evt.EVT_N_ACTION, act),
]
ae.start_server(("127.0.0.1", port), block=True, evt_handlers=handlers, ssl_context=server_tls)
