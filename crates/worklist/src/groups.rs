//! The groups of an order message.

use telerad_hl7::{Message, Segment};

use crate::finding::{FindingCode, Findings};

/// One order group: an ORC, at most one OBR, and what belongs to them.
///
/// Several OBR under one ORC give several groups with that ORC; a cancellation may have an ORC alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group<'m> {
    pub(crate) orc: Option<Segment<'m>>,
    pub(crate) obr: Option<Segment<'m>>,
    pub(crate) timing: Option<Segment<'m>>,
    pub(crate) procedure_steps: Vec<Segment<'m>>,
    pub(crate) notes: Vec<Segment<'m>>,
    pub(crate) study: Option<Segment<'m>>,
}

/// A message taken apart.
#[derive(Debug, Default)]
pub(crate) struct Groups<'m> {
    pub(crate) orders: Vec<Group<'m>>,
    /// NTE after PID.
    pub(crate) patient_notes: Vec<Segment<'m>>,
    /// Every OBX: weight and height stand among them.
    pub(crate) observations: Vec<Segment<'m>>,
    /// How many PID segments there are.
    pub(crate) patients: usize,
}

/// Takes a message apart in the order of its segments. What is not used is named in a finding.
pub(crate) fn read<'m>(message: &'m Message, findings: &mut Findings) -> Groups<'m> {
    let mut groups = Groups::default();
    let mut studied = 0;
    for segment in message.segments() {
        let last = groups.orders.last_mut();
        match segment.id() {
            "PID" => groups.patients += 1,
            "ORC" => groups.orders.push(Group { orc: Some(segment), ..Group::default() }),
            "OBR" => match last {
                Some(group) if group.obr.is_none() => group.obr = Some(segment),
                Some(group) => {
                    let (orc, timing) = (group.orc, group.timing);
                    let obr = Some(segment);
                    groups.orders.push(Group { orc, obr, timing, ..Group::default() });
                }
                None => groups.orders.push(Group { obr: Some(segment), ..Group::default() }),
            },
            "TQ1" => match last {
                Some(group) if group.timing.is_none() => group.timing = Some(segment),
                _ => ignored(&segment, "only the first timing of an order is used", findings),
            },
            "NTE" => match last {
                Some(group) => group.notes.push(segment),
                None => groups.patient_notes.push(segment),
            },
            "OBX" => groups.observations.push(segment),
            "IPC" => match last {
                Some(group) => group.procedure_steps.push(segment),
                None => ignored(&segment, "stands before any order", findings),
            },
            // One ZDS at the end speaks for every order before it; one per order speaks for that order.
            "ZDS" => {
                for group in groups.orders.iter_mut().skip(studied) {
                    group.study = Some(segment);
                }
                studied = groups.orders.len();
            }
            id if KNOWN.contains(&id) => {}
            _ => ignored(&segment, "segment is not used", findings),
        }
    }
    groups
}

fn ignored(segment: &Segment<'_>, text: &str, findings: &mut Findings) {
    findings.add(FindingCode::Ignored, segment.id(), text);
}

/// Segments that are read elsewhere, or that say nothing about a worklist.
const KNOWN: [&str; 14] = [
    "MSH", "SFT", "EVN", "PD1", "PV1", "PV2", "AL1", "NK1", "GT1", "IN1", "IN2", "IN3", "DG1",
    "ROL",
];
