//! What one order group says (IHE RAD TF-2 table B-1, and the habits of the field).

use telerad_core::{
    AccessionNumber, AeTitle, Code, EntityIdentifier, Issuer, PartialDateTime, PersonName,
    Priority, Uid,
};
use telerad_hl7::{Field, Segment, Value};

use crate::finding::{FindingCode, Findings};
use crate::groups::Group;
use crate::mapping::{AccessionSource, Mapping, modality};
use crate::person;
use crate::said::{self, Said};

/// An order as far as one message speaks of it. Nothing is derived yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) accession: AccessionNumber,
    pub(crate) study_instance_uid: Option<Uid>,
    pub(crate) placer_order_number: Said<EntityIdentifier>,
    pub(crate) filler_order_number: Said<EntityIdentifier>,
    pub(crate) requested_procedure_id: Said<String>,
    pub(crate) procedure: Said<Code>,
    pub(crate) priority: Said<Priority>,
    pub(crate) requesting_physician: Said<PersonName>,
    pub(crate) reason: Said<String>,
    pub(crate) transport: Said<String>,
    pub(crate) requesting_service: Said<String>,
    pub(crate) confidentiality: Said<String>,
    pub(crate) comments: Said<String>,
    pub(crate) medical_alerts: Said<String>,
    pub(crate) patient_state: Said<String>,
    pub(crate) steps: Vec<StepDraft>,
}

/// A step as far as one message speaks of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepDraft {
    pub(crate) step_id: Said<String>,
    pub(crate) modality: Said<String>,
    pub(crate) station_ae_titles: Said<Vec<String>>,
    pub(crate) station_name: Said<String>,
    pub(crate) location: Said<String>,
    pub(crate) start: Said<PartialDateTime>,
    pub(crate) performing_physician: Said<PersonName>,
    pub(crate) protocol: Said<Code>,
}

/// A group's segments with a number for findings: `OBR[2]-18`.
struct Reader<'a, 'm> {
    group: &'a Group<'m>,
    number: usize,
    findings: &'a mut Findings,
}

/// Reads one group; `number` counts the groups of the message from 1.
///
/// # Errors
/// A reason to park the message: there is no usable accession number, or the group contradicts itself.
pub(crate) fn read(
    group: &Group<'_>,
    number: usize,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<Draft, String> {
    let mut reader = Reader { group, number, findings };
    let accession = reader.accession(mapping)?;
    let study_instance_uid = reader.study()?;
    let placer_order_number = reader.order_number(2);
    let filler_order_number = reader.order_number(3);
    let procedure = reader.procedure();
    let steps = reader.steps(&procedure, mapping);
    Ok(Draft {
        accession,
        study_instance_uid,
        placer_order_number,
        filler_order_number,
        requested_procedure_id: reader.line("OBR", 19).or_else(|| reader.line("IPC", 2)),
        procedure,
        priority: reader.priority(),
        requesting_physician: reader.requesting_physician(),
        reason: reader.wording("OBR", 31),
        transport: reader.line("OBR", 30),
        requesting_service: reader.wording("ORC", 17),
        confidentiality: reader.line("ORC", 28),
        comments: crate::patient::said_lines(&reader.group.notes),
        medical_alerts: reader.line("OBR", 13),
        patient_state: reader.wording("OBR", 12),
        steps,
    })
}

/// The step a status message names, where it names one.
pub(crate) fn step_id(group: &Group<'_>, findings: &mut Findings) -> Said<String> {
    let mut reader = Reader { group, number: 1, findings };
    reader.line("OBR", 20).or_else(|| reader.line("IPC", 4))
}

/// The accession number alone, for messages that change nothing else.
pub(crate) fn accession(
    group: &Group<'_>,
    number: usize,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<AccessionNumber, String> {
    Reader { group, number, findings }.accession(mapping)
}

impl<'m> Reader<'_, 'm> {
    fn segment(&self, id: &str) -> Option<Segment<'m>> {
        match id {
            "IPC" => self.group.procedure_steps.first().copied(),
            "OBR" => self.group.obr,
            "ORC" => self.group.orc,
            "TQ1" => self.group.timing,
            _ => self.group.study,
        }
    }

    fn place(&self, id: &str, n: usize) -> String {
        match self.number {
            1 => format!("{id}-{n}"),
            number => format!("{id}[{number}]-{n}"),
        }
    }

    fn add(&mut self, code: FindingCode, id: &str, n: usize, text: impl Into<String>) {
        let place = self.place(id, n);
        self.findings.add(code, place, text);
    }

    fn with<T>(
        &mut self,
        id: &str,
        n: usize,
        read: impl FnOnce(Field<'m>, &str, &mut Findings) -> Said<T>,
    ) -> Said<T> {
        let place = self.place(id, n);
        match self.segment(id) {
            Some(segment) => read(segment.field(n), &place, self.findings),
            None => Said::Nothing,
        }
    }

    fn line(&mut self, id: &str, n: usize) -> Said<String> {
        self.with(id, n, said::field)
    }

    fn wording(&mut self, id: &str, n: usize) -> Said<String> {
        self.with(id, n, said::wording)
    }

    /// The first of the site's sources that has a number; the others only confirm or contradict it.
    fn accession(&mut self, mapping: &Mapping) -> Result<AccessionNumber, String> {
        let mut found: Option<(AccessionSource, AccessionNumber)> = None;
        for source in &mapping.accession_sources {
            let (id, n) = source.place();
            let Some(field) = self.segment(id).map(|segment| segment.field(n)) else { continue };
            let text = field.component(1).text();
            if text.trim().is_empty() {
                continue;
            }
            let part = |n: usize| field.component(n).text();
            let number =
                AccessionNumber::new(&text, Issuer::from_parts(&part(2), &part(3), &part(4)));
            match (number, &found) {
                (Err(error), _) => {
                    self.add(FindingCode::Invalid, id, n, format!("not used: {error}"));
                }
                (Ok(number), None) => found = Some((*source, number)),
                (Ok(number), Some((_, taken))) if number.value() == taken.value() => {
                    if let Some(issuer) = number.issuer() {
                        let taken = taken.clone().or_issuer(Some(issuer));
                        found = found.map(|(source, _)| (source, taken));
                    }
                }
                (Ok(_), Some((first, _))) => {
                    let text = format!("another accession number than {first}, which was taken");
                    self.add(FindingCode::Disagreement, id, n, text);
                }
            }
        }
        let sources: Vec<String> =
            mapping.accession_sources.iter().map(ToString::to_string).collect();
        let Some((source, number)) = found else {
            return Err(format!("no accession number in {}", sources.join(", ")));
        };
        self.checked_accession(source, number, mapping)
    }

    fn checked_accession(
        &mut self,
        source: AccessionSource,
        number: AccessionNumber,
        mapping: &Mapping,
    ) -> Result<AccessionNumber, String> {
        let (id, n) = source.place();
        if number.value().contains('\\') {
            return Err("accession number has a backslash, which DICOM cannot carry".to_owned());
        }
        let characters = number.value().chars().count();
        if characters > 16 {
            let text = format!(
                "accession number has {characters} characters, DICOM allows 16: kept whole"
            );
            self.add(FindingCode::TooLong, id, n, text);
        }
        if number.issuer().is_none() {
            let text = match &mapping.accession_issuer {
                Some(issuer) => format!("no issuer of the accession number: {issuer} assumed"),
                None => "no issuer of the accession number, and the site declares none".to_owned(),
            };
            self.add(FindingCode::Assumed, id, n, text);
        }
        Ok(number.or_issuer(mapping.accession_issuer.as_ref()))
    }

    /// ZDS-1, or IPC-3 on which every step must agree.
    fn study(&mut self) -> Result<Option<Uid>, String> {
        let mut named: Option<Uid> = None;
        let steps = self.group.procedure_steps.iter().map(|step| ("IPC", 3, step.field(3)));
        let study = self.group.study.iter().map(|study| ("ZDS", 1, study.field(1)));
        let places: Vec<(&str, usize, Field<'_>)> = study.chain(steps).collect();
        for (id, n, field) in places {
            let text = field.component(1).text();
            if text.trim().is_empty() {
                continue;
            }
            match (Uid::new(text.trim()), &named) {
                (Err(error), _) => {
                    self.add(FindingCode::Invalid, id, n, format!("not used: {error}"));
                }
                (Ok(uid), Some(named)) if *named != uid => {
                    return Err("one order names two study instance UIDs".to_owned());
                }
                (Ok(uid), _) => named = Some(uid),
            }
        }
        Ok(named)
    }

    /// ORC-2 / ORC-3, else OBR-2 / OBR-3.
    fn order_number(&mut self, n: usize) -> Said<EntityIdentifier> {
        let orc = self.with("ORC", n, said::entity);
        let obr = self.with("OBR", n, said::entity);
        if let (Some(orc), Some(obr)) = (orc.this(), obr.this())
            && orc.value() != obr.value()
        {
            let text = format!("another number than ORC-{n}, which was taken");
            self.add(FindingCode::Disagreement, "OBR", n, text);
        }
        orc.or_else(|| obr)
    }

    /// OBR-44, else OBR-4.
    fn procedure(&mut self) -> Said<Code> {
        let first =
            |field, place: &str, findings: &mut Findings| said::code(field, 1, place, findings);
        self.with("OBR", 44, first).or_else(|| self.with("OBR", 4, first))
    }

    /// TQ1-9, else ORC-7.6, OBR-27.6, OBR-5.
    fn priority(&mut self) -> Said<Priority> {
        for (id, n, component) in [("TQ1", 9, 1), ("ORC", 7, 6), ("OBR", 27, 6), ("OBR", 5, 1)] {
            let Some(segment) = self.segment(id) else { continue };
            let code = segment.field(n).component(component).text();
            if code.trim().is_empty() {
                continue;
            }
            if let Some(priority) = Priority::from_hl7(&code) {
                return Said::This(priority);
            }
            self.add(FindingCode::UnknownCode, id, n, "priority is not of the table, not used");
        }
        Said::Nothing
    }

    /// OBR-16, else ORC-12.
    fn requesting_physician(&mut self) -> Said<PersonName> {
        let requesting = self.with("OBR", 16, person::physician);
        if !requesting.is_nothing() {
            return requesting;
        }
        let ordering = self.with("ORC", 12, person::physician);
        if ordering.this().is_some() {
            let text = "requesting physician was taken from the ordering provider";
            self.add(FindingCode::Derived, "ORC", 12, text);
        }
        ordering
    }

    /// One step per IPC, else one for the OBR.
    fn steps(&mut self, procedure: &Said<Code>, mapping: &Mapping) -> Vec<StepDraft> {
        let start = self.start();
        let performing_physician = self.with("OBR", 34, person::performer);
        let code = procedure.this().map_or("", |code| code.value.as_str()).to_owned();
        let whole = StepDraft { start, performing_physician, ..StepDraft::default() };
        let mut steps = Vec::new();
        for step in self.group.procedure_steps.clone() {
            steps.push(self.imaging_step(step, whole.clone(), &code, mapping));
        }
        if steps.is_empty() && self.group.obr.is_some() {
            let modality = self.modality("OBR", 24, None, &code, mapping);
            let second =
                |field, place: &str, findings: &mut Findings| said::code(field, 4, place, findings);
            let protocol = self.with("OBR", 4, second);
            let step_id = self.line("OBR", 20);
            steps.push(StepDraft { step_id, modality, protocol, ..whole });
        }
        steps
    }

    /// IPC (HL7 2.5.1 section 4.5.6): the step in its own words.
    fn imaging_step(
        &mut self,
        step: Segment<'m>,
        whole: StepDraft,
        procedure: &str,
        mapping: &Mapping,
    ) -> StepDraft {
        let modality = self.modality("IPC", 5, Some(step), procedure, mapping);
        let stations = self.stations(step);
        let findings = &mut *self.findings;
        StepDraft {
            step_id: said::field(step.field(4), "IPC-4", findings),
            modality,
            station_ae_titles: stations,
            station_name: said::field(step.field(7), "IPC-7", findings),
            location: said::wording(step.field(8), "IPC-8", findings),
            protocol: said::code(step.field(6), 1, "IPC-6", findings),
            ..whole
        }
    }

    fn modality(
        &mut self,
        id: &str,
        n: usize,
        step: Option<Segment<'m>>,
        procedure: &str,
        mapping: &Mapping,
    ) -> Said<String> {
        let segment = step.or_else(|| self.segment("OBR"));
        let code = segment.map_or_else(String::new, |segment| segment.field(n).text().into_owned());
        let code = code.trim();
        if let Some(term) = modality(code) {
            if term != code {
                self.add(FindingCode::Translated, id, n, format!("{code} became {term}"));
            }
            return Said::This(term.to_owned());
        }
        if let Some(term) = mapping.modality_by_procedure.get(procedure) {
            let text = format!("modality {term} by the site's table of procedures");
            self.add(FindingCode::Derived, id, n, text);
            return Said::This(term.clone());
        }
        if !code.is_empty() {
            self.add(FindingCode::UnknownCode, id, n, "names no modality, not used");
        }
        Said::Nothing
    }

    /// IPC-9, each repetition a title.
    fn stations(&mut self, step: Segment<'m>) -> Said<Vec<String>> {
        let mut titles = Vec::new();
        for title in step.field(9).repetitions() {
            let text = title.text();
            if text.trim().is_empty() {
                continue;
            }
            match AeTitle::new(&text) {
                Ok(title) => titles.push(title.as_str().to_owned()),
                Err(error) => {
                    self.add(FindingCode::Invalid, "IPC", 9, format!("not used: {error}"))
                }
            }
        }
        if titles.is_empty() { Said::Nothing } else { Said::This(titles) }
    }

    /// TQ1-7, else ORC-7.4, OBR-27.4, OBR-36, OBR-6: the first that is a date.
    fn start(&mut self) -> Said<PartialDateTime> {
        let places = [("TQ1", 7, 1), ("ORC", 7, 4), ("OBR", 27, 4), ("OBR", 36, 1), ("OBR", 6, 1)];
        for (id, n, component) in places {
            let Some(segment) = self.segment(id) else { continue };
            match segment.field(n).component(component).value() {
                Value::Present(text) if !text.trim().is_empty() => {
                    match PartialDateTime::parse(text.trim()) {
                        Ok(start) if start.date().is_complete() => {
                            if n == 6 {
                                let text = "start was taken from the requested date";
                                self.add(FindingCode::Derived, id, n, text);
                            }
                            return Said::This(start);
                        }
                        Ok(_) => {
                            self.add(FindingCode::Invalid, id, n, "start names no day, not used");
                        }
                        Err(_) => self.add(FindingCode::Invalid, id, n, "not a date, not used"),
                    }
                }
                _ => {}
            }
        }
        Said::Nothing
    }
}

impl Draft {
    /// Takes up another group of the same order: it fills what is not said yet and adds its steps.
    ///
    /// # Errors
    /// A reason to park: the groups name two studies.
    pub(crate) fn absorb(&mut self, more: &Self, findings: &mut Findings) -> Result<(), String> {
        match (&self.study_instance_uid, &more.study_instance_uid) {
            (Some(mine), Some(other)) if mine != other => {
                let reason = "two study instance UIDs for one accession number";
                return Err(reason.to_owned());
            }
            (None, other) => self.study_instance_uid.clone_from(other),
            _ => {}
        }
        fill(&mut self.placer_order_number, &more.placer_order_number);
        fill(&mut self.filler_order_number, &more.filler_order_number);
        fill(&mut self.requested_procedure_id, &more.requested_procedure_id);
        fill(&mut self.procedure, &more.procedure);
        fill(&mut self.priority, &more.priority);
        fill(&mut self.requesting_physician, &more.requesting_physician);
        fill(&mut self.reason, &more.reason);
        fill(&mut self.transport, &more.transport);
        fill(&mut self.requesting_service, &more.requesting_service);
        fill(&mut self.confidentiality, &more.confidentiality);
        fill(&mut self.medical_alerts, &more.medical_alerts);
        fill(&mut self.patient_state, &more.patient_state);
        match (&mut self.comments, &more.comments) {
            (Said::This(mine), Said::This(other)) if mine != other => {
                *mine = format!("{mine}\r\n{other}");
            }
            (mine, other) => fill(mine, other),
        }
        for step in &more.steps {
            let same =
                |mine: &&StepDraft| mine.step_id.this().is_some() && mine.step_id == step.step_id;
            match self.steps.iter().find(same) {
                Some(mine) if mine.protocol != step.protocol => {
                    let text = "a second protocol of one step is not used yet";
                    findings.add(FindingCode::Ignored, "OBR-20", text);
                }
                Some(_) => {}
                None => self.steps.push(step.clone()),
            }
        }
        Ok(())
    }
}

fn fill<T: Clone>(mine: &mut Said<T>, other: &Said<T>) {
    if mine.is_nothing() {
        mine.clone_from(other);
    }
}
