"""A modality of pynetdicom that asks for worklists, and the maker of items in several character sets.

items FOLDER              writes one item for each character set
many FOLDER COUNT         writes so many items of one day
ask PORT TITLE QUESTIONS  asks each question of a JSON file; one line of JSON
cancel PORT TITLE         cancels after the first answer, then asks again; one line of JSON
"""
import json
import os
import sys
import warnings

from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind as Worklist

warnings.filterwarnings("ignore")
# Questions may be wrong on purpose.
config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE

NAMES = {
    "latin1": ("ISO_IR 100", "MÜLLER^JÖRG"),
    "utf8": ("ISO_IR 192", "Müller^Jörg=山田^太郎=やまだ^たろう"),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг^Иван"),
    "greek": ("ISO_IR 126", "Διονυσιος"),
    "japanese": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "ascii": (None, "SMITH^JOHN"),
}


def item(number, name, charset, station="CT1"):
    item, step = Dataset(), Dataset()
    if charset:
        item.SpecificCharacterSet = charset
    item.AccessionNumber = f"C{number}"
    item.PatientName = name
    item.PatientID = f"P{number}"
    item.PatientBirthDate, item.PatientSex = "19700101", "M" if number % 2 else "F"
    item.StudyInstanceUID = f"2.25.77{number}"
    item.RequestedProcedureID = f"R{number}"
    item.RequestedProcedureDescription = "EXAM"
    step.Modality, step.ScheduledStationAETitle = "CT", station
    step.ScheduledProcedureStepStartDate = "20260301"
    step.ScheduledProcedureStepStartTime = "%02d%02d00" % (number // 60 % 24, number % 60)
    step.ScheduledPerformingPhysicianName = "DOC"
    step.ScheduledProcedureStepDescription = "EXAM"
    step.ScheduledProcedureStepID = f"S{number}"
    item.ScheduledProcedureStepSequence = Sequence([step])
    return item


def write(folder, name, item):
    item.file_meta = FileMetaDataset()
    item.file_meta.MediaStorageSOPClassUID = Worklist
    item.file_meta.MediaStorageSOPInstanceUID = item.StudyInstanceUID
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.save_as(os.path.join(folder, f"{name}.wl"), enforce_file_format=True)


def items(folder):
    for number, (name, (charset, person)) in enumerate(NAMES.items()):
        write(folder, name, item(number, person, charset))


def many(folder, count):
    for number in range(int(count)):
        # Twenty of ten thousand for each station.
        write(folder, f"{number:05}", item(number, f"DOE{number}^JOHN", None, f"CT{number % 500}"))


def connect(port, title):
    ae = AE("MODALITY")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    ae.add_requested_context(Worklist, [ExplicitVRLittleEndian])
    association = ae.associate("127.0.0.1", int(port), ae_title=title)
    if not association.is_established:
        raise SystemExit(f"no association with {title}")
    return association


def identifier(question):
    """Keys of the root and of the one step, with what is always asked for."""
    root, step = Dataset(), Dataset()
    for keyword in ("AccessionNumber", "PatientName", "PatientID", "StudyInstanceUID"):
        setattr(root, keyword, "")
    for keyword in ("Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate",
                    "ScheduledProcedureStepStartTime", "ScheduledProcedureStepID"):
        setattr(step, keyword, "")
    for keyword, value in question["root"]:
        setattr(root, keyword, value.split("\\") if "\\" in value else value)
    for keyword, value in question["step"]:
        setattr(step, keyword, value.split("\\") if "\\" in value else value)
    shapes = {"none": None, "no item": [], "empty item": [Dataset()], "two items": [step, step]}
    steps = shapes.get(question["shape"], [step])
    if steps is not None:
        root.ScheduledProcedureStepSequence = Sequence(steps)
    return root


def ask(port, title, path):
    with open(path, encoding="utf-8") as file:
        questions = json.load(file)
    told = []
    for question in questions:
        association = connect(port, title)
        statuses, answers = [], []
        for status, answer in association.send_c_find(identifier(question), Worklist):
            code = f"{status.Status:04X}" if status else "none"
            if code not in statuses:
                statuses.append(code)
            if answer is not None:
                # Decoded by what the answer itself declares.
                answers.append([answer.get("AccessionNumber", ""), str(answer.get("PatientName", ""))])
        if association.is_established:
            association.release()
        told.append({"statuses": statuses, "answers": sorted(answers)})
    print(json.dumps(told))


def cancel(port, title):
    association = connect(port, title)
    context = association.accepted_contexts[0].context_id
    everything = identifier({"root": [], "step": [], "shape": ""})
    statuses = []
    for status, _ in association.send_c_find(everything, Worklist, msg_id=7):
        statuses.append(f"{status.Status:04X}" if status else "none")
        if len(statuses) == 1:
            association.send_c_cancel(7, context)
    again = [f"{status.Status:04X}" for status, _ in association.send_c_find(everything, Worklist, msg_id=9)]
    association.release()
    print(json.dumps({"pending": len(statuses) - 1, "end": statuses[-1], "again": [len(again) - 1, again[-1]]}))


command, *words = sys.argv[1:]
{"items": items, "many": many, "ask": ask, "cancel": cancel}[command](*words)
