"""A modality and a RIS by pynetdicom: every case of a performed procedure step, told as one line of JSON.

Arguments: the gateway's port, the port on which the RIS listens.
"""

import json
import sys
import time

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import ModalityPerformedProcedureStep, ModalityWorklistInformationFind

GATEWAY, RIS = int(sys.argv[1]), int(sys.argv[2])
TERMS = ["SCHEDULED", "ARRIVED", "READY", "STARTED", "DEPARTED", "CANCELED", "DISCONTINUED", "COMPLETED"]
relayed = []


def take(kind):
    def handle(event):
        uid = event.request.AffectedSOPInstanceUID if kind == "create" else event.request.RequestedSOPInstanceUID
        said = event.attribute_list if kind == "create" else event.modification_list
        relayed.append([kind, str(uid), said.get("PerformedProcedureStepStatus", "")])
        return 0x0000, said

    return handle


def serve():
    ae = AE(ae_title="RIS")
    ae.add_supported_context(ModalityPerformedProcedureStep)
    handlers = [(evt.EVT_N_CREATE, take("create")), (evt.EVT_N_SET, take("set"))]
    return ae.start_server(("127.0.0.1", RIS), block=False, evt_handlers=handlers)


def associate(context):
    ae = AE(ae_title="CT1")
    ae.add_requested_context(context)
    association = ae.associate("127.0.0.1", GATEWAY, ae_title="TELERAD")
    assert association.is_established, "the gateway does not take the association"
    return association


def code(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def scheduled(number, step=True, study=None):
    """One item for an order of the trial; unscheduled without its step."""
    item = Dataset()
    item.StudyInstanceUID = study or f"1.2.826.0.1.3680043.2.1143.{number}"
    item.ReferencedStudySequence = []
    item.AccessionNumber = f"MP{number}" if step else ""
    item.RequestedProcedureID = f"RPMP{number}" if step else ""
    item.RequestedProcedureDescription = ""
    item.ScheduledProcedureStepID = f"SPSMP{number}" if step else ""
    item.ScheduledProcedureStepDescription = ""
    item.ScheduledProtocolCodeSequence = []
    return item


def created(patient, items, **changes):
    said = Dataset()
    said.SpecificCharacterSet = "ISO_IR 100"
    said.ScheduledStepAttributesSequence = items
    said.PatientName, said.PatientID, said.PatientBirthDate, said.PatientSex = "M\u00fcller^Anna", patient, "19700203", "F"
    said.ReferencedPatientSequence = []
    said.PerformedProcedureStepID, said.PerformedStationAETitle = "PPS1", "CT1"
    said.PerformedStationName = said.PerformedLocation = ""
    said.PerformedProcedureStepStartDate, said.PerformedProcedureStepStartTime = "20260105", "100000"
    said.PerformedProcedureStepStatus = "IN PROGRESS"
    said.PerformedProcedureStepDescription = said.PerformedProcedureTypeDescription = ""
    said.ProcedureCodeSequence = []
    said.PerformedProcedureStepEndDate = said.PerformedProcedureStepEndTime = ""
    said.Modality, said.StudyID = "CT", ""
    said.PerformedProtocolCodeSequence = []
    said.PerformedSeriesSequence = []
    for name, value in changes.items():
        setattr(said, name, value)
    return said


def series(uid):
    item = Dataset()
    item.PerformingPhysicianName = item.OperatorsName = item.SeriesDescription = ""
    item.RetrieveAETitle = ""
    item.ProtocolName, item.SeriesInstanceUID = "THORAX", uid
    item.ReferencedImageSequence, item.ReferencedNonImageCompositeSOPInstanceSequence = [], []
    return item


def ended(status, reason=None, **changes):
    said = Dataset()
    said.SpecificCharacterSet = "ISO_IR 144"
    said.PerformedProcedureStepStatus = status
    said.PerformedProcedureStepEndDate, said.PerformedProcedureStepEndTime = "20260105", "101500"
    said.PerformedSeriesSequence = [series("1.2.3.9.1")] if status == "COMPLETED" else []
    if reason:
        said.PerformedProcedureStepDiscontinuationReasonCodeSequence = [code(*reason)]
    for name, value in changes.items():
        setattr(said, name, value)
    return said


def answer(status):
    """The status, and what it says in particular."""
    told = [f"{status.Status:04X}"]
    if "ErrorID" in status:
        told.append(f"{status.ErrorID:04X}")
    if "AttributeIdentifierList" in status and status.AttributeIdentifierList:
        tags = status.AttributeIdentifierList
        tags = tags if hasattr(tags, "__len__") and not isinstance(tags, int) else [tags]
        told.append(",".join(f"{int(tag):08X}" for tag in tags))
    return " ".join(told)


class Modality:
    """Tells, and keeps what it heard."""

    def __init__(self):
        self.association = associate(ModalityPerformedProcedureStep)

    def create(self, uid, said):
        status, _ = self.association.send_n_create(said, ModalityPerformedProcedureStep, uid)
        return answer(status)

    def set(self, uid, said):
        status, _ = self.association.send_n_set(said, ModalityPerformedProcedureStep, uid)
        return answer(status)


def ask(keys):
    """How many steps match. A question whose answer pynetdicom does not pass on in time is asked on a new association."""
    for _ in range(3):
        association = associate(ModalityWorklistInformationFind)
        association.dimse_timeout = 5
        found, end = 0, None
        for status, identifier in association.send_c_find(keys, ModalityWorklistInformationFind):
            found += identifier is not None
            end = status.get("Status")
        if association.is_established:
            association.release()
        if end == 0x0000:
            return found
    raise SystemExit("no answer to three questions")


def step(number):
    """The status of the step of an order, as the worklist tells it to who asks for each."""
    found = []
    for term in TERMS:
        keys, item = Dataset(), Dataset()
        item.ScheduledProcedureStepStatus = term
        keys.AccessionNumber = f"MP{number}"
        keys.ScheduledProcedureStepSequence = [item]
        if ask(keys):
            found.append(term)
    return "+".join(found)


def cases():
    modality, told = Modality(), {}
    patient = lambda number: f"MRNMP{number}"
    mine = lambda number: created(patient(number), [scheduled(number)])
    uid = lambda number, part=1: f"2.25.77{number:03}{part}"

    told["simple"] = [
        modality.create(uid(1), mine(1)), step(1),
        modality.set(uid(1), ended("IN PROGRESS")), step(1),
        modality.set(uid(1), ended("COMPLETED")), step(1),
    ]
    told["final"] = [modality.set(uid(1), ended("COMPLETED")), modality.set(uid(1), ended("DISCONTINUED"))]
    told["again"] = [modality.create(uid(1), mine(1)), step(1)]
    told["unknown"] = [modality.set(uid(99), ended("COMPLETED"))]
    told["begins"] = [
        modality.create(uid(2), created(patient(2), [scheduled(2)], PerformedProcedureStepStatus=status))
        for status in ("COMPLETED", "DISCONTINUED", "DONE")
    ] + [step(2)]
    without = mine(2)
    del without.PerformedProcedureStepID
    told["missing"] = [modality.create(uid(2), without)]
    told["several"] = [
        modality.create(uid(2), mine(2)), modality.create(uid(2, 2), mine(2)),
        modality.set(uid(2), ended("COMPLETED")), step(2),
        modality.set(uid(2, 2), ended("DISCONTINUED", PerformedProcedureStepEndTime="101600")), step(2),
    ]
    told["append"] = [
        modality.create(uid(2, 3), created(patient(2), [scheduled(2)], PerformedProcedureStepStartTime="110000")), step(2),
        modality.set(uid(2, 3), ended("COMPLETED", PerformedProcedureStepEndTime="111500")), step(2),
    ]
    told["abandoned"] = [modality.create(uid(3), mine(3)), modality.set(uid(3), ended("DISCONTINUED")), step(3)]
    told["wrong entry"] = [
        modality.create(uid(4), mine(4)), step(4),
        modality.set(uid(4), ended("DISCONTINUED", ("110514", "Incorrect worklist entry selected"))), step(4),
    ]
    told["other reason"] = [
        modality.create(uid(5), mine(5)),
        modality.set(uid(5), ended("DISCONTINUED", ("110507", "Patient refused to continue procedure"))), step(5),
    ]
    told["rule"] = [
        modality.create(uid(6), mine(6)),
        modality.set(uid(6), ended("DISCONTINUED", ("110501", "Equipment failure"))), step(6),
    ]
    # Two orders of one patient under a study of the modality's own.
    own = "1.2.826.0.1.3680043.2.1143.777"
    group = [scheduled(7, study=own), scheduled(8, study=own)]
    told["group"] = [
        modality.create(uid(7), created(patient(7), group)), step(7), step(8),
        modality.set(uid(7), ended("COMPLETED")), step(7), step(8),
    ]
    told["another patient"] = [modality.create(uid(9), created("SOMEBODY", [scheduled(9)])), step(9)]
    told["another protocol"] = [
        modality.create(uid(10), created(patient(10), [scheduled(10)], PerformedProtocolCodeSequence=[code("P9", "Other")])),
        step(10),
    ]
    told["not allowed"] = [
        modality.set(uid(10), ended("COMPLETED", PatientID="SOMEBODY")),
        modality.set(uid(10), ended("COMPLETED", PatientID=patient(10))), step(10),
    ]
    unfinished = ended("COMPLETED")
    del unfinished.PerformedProcedureStepEndDate
    told["incomplete"] = [modality.create(uid(11), mine(11)), modality.set(uid(11), unfinished), step(11)]
    told["unscheduled"] = [
        modality.create(uid(12), created(patient(12), [scheduled(12, step=False)])),
        modality.set(uid(12), ended("COMPLETED")), step(12),
    ]
    modality.association.release()
    return told


if sys.argv[3:] == ["late"]:
    print(json.dumps({"late": step(12)}))
else:
    server = serve()
    told = cases()
    accepted = sum(answers.count("0000") for answers in told.values())
    deadline = time.monotonic() + 30
    while len(relayed) < accepted and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    server.shutdown()
    told["relayed"], told["accepted"] = relayed, accepted
    print(json.dumps(told))
