//! Orders that name no accession number, and how they are found again.

use telerad_core::{AccessionNumber, EntityIdentifier, Issuer, Order, PatientId};
use telerad_hl7::datatype::Ei;
use telerad_hl7::reading::{OrderValues, Reading};

use crate::finding::{FindingCode, Findings};
use crate::mapping::Mapping;
use crate::record::same_patient;
use crate::said;
use crate::{Known, OrderRecord};

/// Numbers by which a message means an order without naming its accession number, or with one that may be another's.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrderNumbers {
    /// The accession number, as far as the message may name it.
    pub accession: Option<AccessionNumber>,
    /// ORC-3, OBR-3 or SCH-27.
    pub filler: Option<EntityIdentifier>,
    /// ORC-2, OBR-2 or SCH-26.
    pub placer: Option<EntityIdentifier>,
}

impl OrderNumbers {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.accession.is_none() && self.filler.is_none() && self.placer.is_none()
    }

    pub(crate) fn of(values: &OrderValues) -> Self {
        let number = |reading: &Reading<Ei>| reading.value()?.entity_identifier().ok();
        Self {
            accession: None,
            filler: number(&values.filler_order_number),
            placer: number(&values.placer_order_number),
        }
    }

    /// The order of the site's patient that has these numbers, by the first of accession number, filler's and placer's number that
    /// some order has.
    ///
    /// # Errors
    /// A reason to park: several orders have the number.
    pub(crate) fn find<'a>(
        &self,
        known: &'a Known,
        mapping: &Mapping,
        patient: Option<&PatientId>,
    ) -> Result<Option<&'a OrderRecord>, String> {
        type Has = fn(&OrderNumbers, &OrderRecord) -> bool;
        let kinds: [Has; 3] = [
            |numbers, record| {
                let order = &record.order;
                numbers.accession.as_ref().is_some_and(|number| {
                    let is_same = [order.accession.value(), record.worklist_accession()]
                        .contains(&number.value());
                    is_same && issuers_agree(number.issuer(), order.accession.issuer())
                })
            },
            |numbers, record| same(numbers.filler.as_ref(), filler(&record.order)),
            |numbers, record| {
                same(numbers.placer.as_ref(), record.order.placer_order_number.as_ref())
            },
        ];
        // Numbers of two patients are two orders', whatever they say.
        let is_meant = |record: &&OrderRecord| {
            record.order.site == mapping.site
                && !record.is_tombstone()
                && same_patient(record.order.patient.primary_id(), patient)
        };
        let orders = || known.orders.iter().filter(is_meant);
        for has in kinds {
            let mut found = orders().filter(|record| has(self, record));
            match (found.next(), found.next()) {
                (Some(record), None) => return Ok(Some(record)),
                (Some(_), Some(_)) => {
                    return Err("several orders have the order number, and no accession number \
                                says which"
                        .to_owned());
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

fn filler(order: &Order) -> Option<&EntityIdentifier> {
    order.filler_order_number.as_ref()
}

fn same(said: Option<&EntityIdentifier>, kept: Option<&EntityIdentifier>) -> bool {
    said.zip(kept).is_some_and(|(said, kept)| {
        said.value() == kept.value() && issuers_agree(said.issuer(), kept.issuer())
    })
}

/// Where one side names no issuer, nothing contradicts.
fn issuers_agree(one: Option<&Issuer>, other: Option<&Issuer>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other || one.agrees_with(other))
}

/// The filler's number, else the placer's, else the requested procedure's, in the place of an accession number.
///
/// # Errors
/// [`NO_NUMBER`].
pub(crate) fn stand_in(
    values: &OrderValues,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<(String, AccessionNumber), String> {
    let candidates = [
        (&values.filler_order_number, "filler order number"),
        (&values.placer_order_number, "placer order number"),
        (&values.requested_procedure_id, "requested procedure ID"),
    ];
    for (reading, name) in candidates {
        let Some(found) = reading.found() else { continue };
        let number = &found.value.entity_identifier;
        let read = AccessionNumber::new(number, found.value.issuer());
        let Ok(number) = read else { continue };
        if !(mapping.identifies)(number.value()) {
            continue;
        }
        let place = said::field_of(found.location);
        let sources: Vec<String> =
            mapping.accession_sources.iter().map(ToString::to_string).collect();
        let text =
            format!("no accession number in {}: the {name} stands in for it", sources.join(", "));
        findings.add(FindingCode::Defaulted, &place, text);
        return Ok((place, number));
    }
    Err(NO_NUMBER.to_owned())
}

/// A number for an order that has none at all: the same whenever the same message is read, and another for every other.
///
/// # Errors
/// Never for names that are not empty.
pub(crate) fn generated(
    origin: &str,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<AccessionNumber, String> {
    let name = format!("order of site {}\0{origin}", mapping.site);
    let digits = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).simple();
    let text = "the order has no number of its own: one was made from its message";
    findings.add(FindingCode::Defaulted, "OBR-18", text);
    let number: String = format!("T{digits}").chars().take(16).collect();
    AccessionNumber::new(&number, mapping.accession_issuer.clone())
        .map_err(|error| error.to_string())
}

/// Why an order cannot be told from others.
pub(crate) const NO_NUMBER: &str = "no accession number and no other number of the order";
