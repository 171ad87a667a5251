//! What is compared of a candidate and of a patient, borrowed from wherever it is kept.

use std::cmp::Ordering;

use telerad_core::{EntityIdentifier, Issuer, PartialDate, Patient, PatientId, Sex};

use crate::{Candidate, CandidateSource};

/// A value with the issuer that it names.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Issued<'a> {
    pub(crate) value: &'a str,
    pub(crate) issuer: Option<&'a Issuer>,
}

impl<'a> Issued<'a> {
    pub(crate) fn entity(number: &'a EntityIdentifier) -> Self {
        Self { value: number.value(), issuer: number.issuer() }
    }

    pub(crate) fn id(id: &'a PatientId) -> Self {
        Self { value: id.value(), issuer: id.issuer() }
    }
}

/// Family and given name of one writing.
pub(crate) type NameParts<'a> = (&'a str, &'a str);

/// A known patient: an order's, or one packed in the index.
pub(crate) trait Person {
    /// Every identifier, those of recorded merges and cross references among them.
    fn ids(&self) -> impl Iterator<Item = Issued<'_>>;
    fn birth_date(&self) -> Option<PartialDate>;
    fn sex(&self) -> Option<Sex>;
    /// In the order alphabetic, ideographic, phonetic.
    fn names(&self) -> [NameParts<'_>; 3];
    /// The name as DICOM writes it, for the evidence.
    fn name_text(&self) -> String;
}

/// What is compared of one candidate. `K` is what the caller knows it by.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, K, P> {
    pub(crate) key: K,
    pub(crate) source: CandidateSource,
    pub(crate) study_instance_uid: &'a str,
    pub(crate) accession: Issued<'a>,
    pub(crate) filler: Option<Issued<'a>>,
    pub(crate) placer: Option<Issued<'a>>,
    pub(crate) patient: P,
}

impl<'a> View<'a, &'a str, KnownPatient<'a>> {
    pub(crate) fn of(candidate: &'a Candidate) -> Self {
        let order = &candidate.order;
        Self {
            key: &candidate.key,
            source: candidate.source,
            study_instance_uid: order.study_instance_uid.as_str(),
            accession: Issued { value: order.accession.value(), issuer: order.accession.issuer() },
            filler: order.filler_order_number.as_ref().map(Issued::entity),
            placer: order.placer_order_number.as_ref().map(Issued::entity),
            patient: KnownPatient {
                patient: &order.patient,
                also_known_as: &candidate.also_known_as,
            },
        }
    }
}

impl<K: Copy + Ord, P: Person> View<'_, K, P> {
    /// Orders before heads, then by everything that is compared, so that equal keys leave nothing to the order of arrival.
    pub(crate) fn sequence(&self, other: &Self) -> Ordering {
        let is_head = |view: &Self| view.source == CandidateSource::StudyHead;
        is_head(self)
            .cmp(&is_head(other))
            .then_with(|| self.key.cmp(&other.key))
            .then_with(|| self.study_instance_uid.cmp(other.study_instance_uid))
            .then_with(|| self.accession.cmp(&other.accession))
            .then_with(|| self.filler.cmp(&other.filler))
            .then_with(|| self.placer.cmp(&other.placer))
            .then_with(|| self.patient.ids().cmp(other.patient.ids()))
            .then_with(|| self.patient.names().cmp(&other.patient.names()))
            .then_with(|| date_parts(&self.patient).cmp(&date_parts(&other.patient)))
            .then_with(|| {
                self.patient.sex().map(Sex::as_dicom).cmp(&other.patient.sex().map(Sex::as_dicom))
            })
    }
}

fn date_parts(patient: &impl Person) -> Option<(u16, Option<u8>, Option<u8>)> {
    patient.birth_date().map(|date| (date.year(), date.month(), date.day()))
}

/// An order's patient with the other identifiers that are known of him.
#[derive(Clone, Copy)]
pub(crate) struct KnownPatient<'a> {
    pub(crate) patient: &'a Patient,
    pub(crate) also_known_as: &'a [PatientId],
}

impl Person for KnownPatient<'_> {
    fn ids(&self) -> impl Iterator<Item = Issued<'_>> {
        self.patient.ids.iter().chain(self.also_known_as).map(Issued::id)
    }

    fn birth_date(&self) -> Option<PartialDate> {
        self.patient.birth_date
    }

    fn sex(&self) -> Option<Sex> {
        self.patient.sex
    }

    fn names(&self) -> [NameParts<'_>; 3] {
        let name = &self.patient.name;
        [&name.alphabetic, &name.ideographic, &name.phonetic]
            .map(|group| (group.family.as_str(), group.given.as_str()))
    }

    fn name_text(&self) -> String {
        self.patient.name.to_dicom()
    }
}
