//! The queries by which worklist providers were compared, on the ten worklist items that DCMTK ships, as orders.
//!
//! Where the standard leaves a choice, the row says what is answered here.

use telerad_dicom::{DataSet, Status, Tag, tags};
use telerad_worklist::{Query, WorklistIndex};

use crate::{Site, identifier};

/// Accession number, name, patient ID, birth date, study, requesting physician, procedure, modality, stations, start,
/// performing physician, step ID, station name, requested procedure ID, priority of table 0485.
const ITEMS: [[&str; 15]; 10] = [
    [
        "00000",
        "VIVALDI^ANTONIO",
        "AV35674",
        "16780304",
        "1.2.276.0.7230010.3.2.101",
        "SMITH",
        "EXAM6",
        "MR",
        "AA32~AA33",
        "19951015085607",
        "JOHNSON",
        "SPD3445",
        "STN456",
        "RP454G234",
        "T",
    ],
    [
        "00002",
        "VIVALDI^ANTONIO",
        "AV35674",
        "16780304",
        "1.2.276.0.7230010.3.2.102",
        "NEWMAN",
        "EXAM5464",
        "CT",
        "AB45",
        "19960406160700",
        "ROSS",
        "SPD1342",
        "STNAB89",
        "RP488M9439",
        "A",
    ],
    [
        "00003",
        "VIVALDI^ANTONIO",
        "AV35674",
        "16780304",
        "1.2.276.0.7230010.3.2.103",
        "FALK",
        "EXAM567",
        "CR",
        "CC56~NN77",
        "19960123135558",
        "CONARD",
        "SPD4564",
        "STN899",
        "RP56567",
        "A",
    ],
    [
        "00004",
        "HAYDN^FRANZ^JOSEPH",
        "HF",
        "17320331",
        "1.2.276.0.7230010.3.2.104",
        "MILLER",
        "EXAM67",
        "US",
        "AA32",
        "19960103165709",
        "MEYER",
        "SPD73843",
        "STN34723",
        "RP634265",
        "T",
    ],
    [
        "00005",
        "HAYDN^FRANZ^JOSEPH",
        "HF",
        "17320331",
        "1.2.276.0.7230010.3.2.105",
        "NEWMAN",
        "EXAM8759",
        "CR",
        "AB45~DD56",
        "19951206094500",
        "COOPER",
        "SPD1234",
        "STN8903",
        "RP4734734",
        "T",
    ],
    [
        "00006",
        "HAYDN^FRANZ^JOSEPH",
        "HF",
        "17320331",
        "1.2.276.0.7230010.3.2.106",
        "FALK",
        "EXAM758",
        "CT",
        "FG56~ER67~JJ56~TZ77",
        "19930606153600",
        "ROSS",
        "SPD9478",
        "STN8987",
        "RP57463",
        "T",
    ],
    [
        "00007",
        "BEETHOVEN^LUDWIG^VAN",
        "BLV734623",
        "18270326",
        "1.2.76.0.7230010.3.2.107",
        "ROSS",
        "EXAM8",
        "NM",
        "AZ01",
        "19960502140956",
        "JOHNSON",
        "SPD43645",
        "STN9483",
        "RP44580",
        "A",
    ],
    [
        "00008",
        "BEETHOVEN^LUDWIG^VAN",
        "BLV734623",
        "18270326",
        "1.2.276.0.7230010.3.2.108",
        "CLARK",
        "EXAM857",
        "CT",
        "DS45~NN77~GH67",
        "19960423110856",
        "ROSS",
        "SPD8265",
        "STN656",
        "RP472",
        "T",
    ],
    [
        "00009",
        "MOZART^WOLFGANG^AMADEUS",
        "MWA484763",
        "17911205",
        "1.2.276.0.7230010.3.2.109",
        "MEIER",
        "EXAM78",
        "CT",
        "AA67",
        "19931204075644",
        "JOHNSON",
        "SPD57584",
        "STN345",
        "RP34734H328",
        "A",
    ],
    [
        "00001",
        "MOZART^WOLFGANG^AMADEUS",
        "MWA484763",
        "17911205",
        "1.2.276.0.7230010.3.2.110",
        "MILLER",
        "EXAM8",
        "MR",
        "TT67",
        "19960805175609",
        "BROWN",
        "SPD4548",
        "STN94594",
        "RP4474",
        "T",
    ],
];

fn site() -> Site {
    let mut site = Site::new();
    for [
        accession,
        name,
        id,
        birth,
        study,
        requesting,
        exam,
        modality,
        stations,
        start,
        performing,
        step,
        station,
        procedure,
        priority,
    ] in ITEMS
    {
        let outcome = site.send(&format!(
            "MSH|^~\\&|RIS|NORTH|||20260701080000||OMI^O23|M|P|2.5.1
            PID|||{id}^^^NORTH-MRN||{name}||{birth}|M
            ORC|NW
            TQ1|||||||{start}||{priority}
            OBR||||{exam}^{exam}^L||||||||||||^{requesting}||||||||||||||||||&{performing_components}
            IPC|{accession}|{procedure}|{study}|{step}|{modality}|P^{exam}^LP|{station}||{stations}",
            performing_components = performing.replace('^', "&"),
        ));
        assert_eq!(outcome.disposition, telerad_worklist::Disposition::Applied);
    }
    site
}

/// The status that every pending response would have and how many there are; or what is answered instead.
fn probe(query: &DataSet) -> (&'static str, usize) {
    let site = site();
    let mut index = WorklistIndex::new();
    site.known.orders.iter().for_each(|order| index.put_order(order));
    site.known.patients.iter().for_each(|patient| index.put_patient(patient));
    match Query::read(query) {
        Err(error) => {
            assert_eq!(error.status(), Status::DATA_SET_DOES_NOT_MATCH);
            ("A900", 0)
        }
        Ok(query) => {
            let status = if query.is_fully_supported() { "FF00" } else { "FF01" };
            let answers = query.answers(&site.known.orders, &site.known.patients);
            let found: Vec<DataSet> = index.find(query, usize::MAX).collect();
            assert!(found == answers);
            (status, found.len())
        }
    }
}

fn keys(root: &[(Tag, &str)], step: &[(Tag, &str)]) -> DataSet {
    let asked =
        [tags::PATIENT_NAME, tags::PATIENT_ID, tags::ACCESSION_NUMBER, tags::STUDY_INSTANCE_UID];
    let asked_of_step = [
        tags::SCHEDULED_PROCEDURE_STEP_ID,
        tags::MODALITY,
        tags::SCHEDULED_STATION_AE_TITLE,
        tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
        tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
    ];
    let universal = |asked: &[Tag]| asked.iter().map(|tag| (*tag, "")).collect::<Vec<_>>();
    let root = [universal(&asked), root.to_vec()].concat();
    let step = [universal(&asked_of_step), step.to_vec()].concat();
    identifier(&root, &step)
}

#[track_caller]
fn root(tag: Tag, key: &str, expected: (&str, usize)) {
    assert_eq!(probe(&keys(&[(tag, key)], &[])), expected, "{tag} {key}");
}

#[track_caller]
fn step(given: &[(Tag, &str)], expected: (&str, usize)) {
    assert_eq!(probe(&keys(&[], given)), expected, "{given:?}");
}

const DATE: Tag = tags::SCHEDULED_PROCEDURE_STEP_START_DATE;
const TIME: Tag = tags::SCHEDULED_PROCEDURE_STEP_START_TIME;

#[test]
fn modality_and_station() {
    step(&[], ("FF00", 10));
    step(&[(tags::MODALITY, "MR")], ("FF00", 2));
    step(&[(tags::MODALITY, "mr")], ("FF00", 0));
    // Several values of CS are not defined: any of them.
    step(&[(tags::MODALITY, "MR\\CT")], ("FF00", 6));
    // Single value matching only, which is all that is required of these.
    step(&[(tags::MODALITY, "M*")], ("FF00", 0));
    step(&[(tags::SCHEDULED_STATION_AE_TITLE, "AA*")], ("FF00", 0));
    step(&[(tags::SCHEDULED_STATION_AE_TITLE, "AA33")], ("FF00", 1));
    step(&[(tags::SCHEDULED_STATION_AE_TITLE, "aa32")], ("FF00", 0));
    let typical =
        [(tags::MODALITY, "US"), (tags::SCHEDULED_STATION_AE_TITLE, "AA32"), (DATE, "19960103")];
    step(&typical, ("FF00", 1));
}

#[test]
fn dates_and_times() {
    step(&[(DATE, "19951015")], ("FF00", 1));
    step(&[(DATE, "19951001-19951231")], ("FF00", 2));
    step(&[(DATE, "19960101-")], ("FF00", 6));
    step(&[(DATE, "-19951231")], ("FF00", 4));
    step(&[(DATE, "-")], ("FF00", 10));
    step(&[(DATE, "*")], ("A900", 0));
    // The form before 1993 is read.
    step(&[(DATE, "1995.10.15")], ("FF00", 1));
    step(&[(DATE, "19961231-19950101")], ("FF00", 0));
    step(&[(TIME, "0856")], ("FF00", 0));
    step(&[(TIME, "085607")], ("FF00", 1));
    step(&[(TIME, "080000-090000")], ("FF00", 1));
    step(&[(DATE, "19951015-19960123"), (TIME, "090000-080000")], ("FF00", 2));
}

#[test]
fn names_and_identifiers() {
    root(tags::PATIENT_NAME, "VIVALDI*", ("FF00", 3));
    root(tags::PATIENT_NAME, "vivaldi*", ("FF00", 3));
    root(tags::PATIENT_NAME, "VIVALDI", ("FF00", 0));
    root(tags::PATIENT_NAME, "VIVALDI^ANTONIO^^^", ("FF00", 3));
    root(tags::PATIENT_NAME, "VIVALDI, ANTONIO", ("FF00", 0));
    root(tags::PATIENT_NAME, "V?VALDI*", ("FF00", 3));
    root(tags::PATIENT_NAME, "*", ("FF00", 10));
    root(tags::PATIENT_ID, "AV35674", ("FF00", 3));
    root(tags::PATIENT_ID, "av35674", ("FF00", 0));
    root(tags::PATIENT_ID, "AV35674 ", ("FF00", 3));
    root(tags::PATIENT_ID, " AV35674", ("FF00", 3));
    root(tags::PATIENT_ID, "AV*", ("FF00", 0));
    root(tags::ACCESSION_NUMBER, "00000", ("FF00", 1));
    root(tags::ACCESSION_NUMBER, "0", ("FF00", 0));
    let studies = "1.2.276.0.7230010.3.2.101\\1.2.276.0.7230010.3.2.104";
    root(tags::STUDY_INSTANCE_UID, studies, ("FF00", 2));
}

#[test]
fn optional_keys() {
    // Orders are always of a status; the items as DCMTK ships them have none.
    step(&[(tags::SCHEDULED_PROCEDURE_STEP_STATUS, "SCHEDULED")], ("FF00", 10));
    root(tags::ADMISSION_ID, "X", ("FF00", 0));
    root(tags::REQUESTED_PROCEDURE_PRIORITY, "HIGH", ("FF00", 4));
    step(&[(tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME, "JOHN*")], ("FF00", 3));
    step(&[(tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME, "john*")], ("FF00", 3));
    step(&[(tags::SCHEDULED_STATION_NAME, "STN*")], ("FF00", 10));
    root(tags::PATIENT_COMMENTS, "", ("FF00", 10));
    root(tags::PATIENT_COMMENTS, "x", ("FF00", 0));
    // (0008,0052) is of another service: ignored, and said so.
    root(Tag(0x0008, 0x0052), "STUDY", ("FF01", 10));
}

#[test]
fn shapes_of_the_sequence() {
    let sequence = tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE;
    let mut query = keys(&[], &[]);
    query.remove(sequence);
    assert_eq!(probe(&query), ("FF00", 10));
    query.set_empty(sequence);
    assert_eq!(probe(&query), ("FF00", 10));
    query.set_items(sequence, vec![DataSet::new()]);
    assert_eq!(probe(&query), ("FF00", 10));
    let item =
        |modality| keys(&[], &[(tags::MODALITY, modality)]).items(sequence).unwrap().remove(0);
    query.set_items(sequence, vec![item("MR"), item("CT")]);
    assert_eq!(probe(&query), ("A900", 0));
    assert_eq!(probe(&DataSet::new()), ("FF00", 10));
}
