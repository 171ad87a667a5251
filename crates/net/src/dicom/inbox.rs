//! Keeping the N-EVENT-REPORTs that come on an association that we opened, until our user takes them.

use std::collections::VecDeque;

use bytes::Bytes;
use telerad_dimse::{Command, Event};

use super::n_scp::NRequest;

/// A report that waits for its answer.
#[derive(Debug)]
pub struct EventReport {
    /// What is reported.
    pub request: NRequest,
    pub(super) context_id: u8,
    pub(super) command: Command,
}

/// The reports of a peer: they may come at any time, between two operations or in the middle of one.
#[derive(Default)]
pub(super) struct Reports {
    arriving: Option<(EventReport, Vec<u8>)>,
    arrived: VecDeque<EventReport>,
}

impl Reports {
    pub(super) fn is_empty(&self) -> bool {
        self.arrived.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<EventReport> {
        self.arrived.pop_front()
    }

    /// Takes the event if it belongs to a report; otherwise gives it back.
    pub(super) fn take(&mut self, event: Event, transfer_syntax_uid: &str) -> Option<Event> {
        match (event, &mut self.arriving) {
            (Event::Command { context_id, command }, arriving)
                if matches!(command, Command::NEventReportRq { .. })
                    && arriving.is_none()
                    && self.arrived.len() < REPORTS_MAX =>
            {
                let Some(mut request) = NRequest::read(&command) else {
                    return Some(Event::Command { context_id, command });
                };
                request.transfer_syntax_uid = transfer_syntax_uid.to_owned();
                let has_data_set = command.has_data_set();
                let report = EventReport { request, context_id, command };
                if has_data_set {
                    self.arriving = Some((report, Vec::new()));
                } else {
                    self.arrived.push_back(report);
                }
                None
            }
            (Event::Body { bytes, .. }, Some((_, data_set)))
                if data_set.len() + bytes.len() <= REPORT_BYTES_MAX =>
            {
                data_set.extend_from_slice(&bytes);
                None
            }
            (Event::BodyEnd { .. }, Some(_)) => {
                if let Some((mut report, data_set)) = self.arriving.take() {
                    report.request.data_set = Some(Bytes::from(data_set));
                    self.arrived.push_back(report);
                }
                None
            }
            (event, _) => Some(event),
        }
    }
}

/// How many reports wait for our user.
const REPORTS_MAX: usize = 16;

/// Of one report.
const REPORT_BYTES_MAX: usize = 1024 * 1024;
