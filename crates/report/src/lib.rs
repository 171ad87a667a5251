//! Report versions and filing; ORU out.
//!
//! [`read`] turns an ORU^R01 of a reading platform into an [`IncomingReport`]; its claims go to
//! [`telerad_accession::decide`], and [`receive`] files the report under the orders that match, or parks it whole with the
//! evidence. A [`ReportRecord`] keeps every version, and [`ReportRecord::current`] says which one stands: corrected over
//! final over preliminary, never by the order of arrival. [`outgoing`] writes it for the RIS, with patient and order as the
//! *order* has them.
//!
//! This crate is *not* a viewer or an editor: it changes no word of a report, does not judge prose, fetches no link and has no
//! clock, socket or disk.
//!
//! ```
//! use telerad_accession::{AccessionPolicy, Candidate, CandidateSource, decide};
//! use telerad_core::{AccessionNumber, PatientId, SiteId, Timestamp};
//! # use telerad_core::{Code, Order, Patient, PersonName, Priority, Uid};
//! use telerad_hl7::Message;
//! use telerad_report::{Disposition, Effect, Reading, RisDialect, outgoing, read, receive};
//!
//! let site = SiteId::new("north")?;
//! # let order = Order {
//! #     site: site.clone(),
//! #     patient: Patient { ids: vec![PatientId::new("7", None)?], ..Patient::default() },
//! #     accession: AccessionNumber::new("A1001", None)?,
//! #     placer_order_number: None,
//! #     filler_order_number: None,
//! #     requested_procedure_id: String::new(),
//! #     study_instance_uid: Uid::new("1.2.3")?,
//! #     procedure: Code::default(),
//! #     priority: Priority::Routine,
//! #     referring_physician: PersonName::default(),
//! #     requesting_physician: PersonName::default(),
//! #     reason: String::new(),
//! # };
//! // `order` is number A1001 for patient 7.
//! let message = Message::parse(
//!     "MSH|^~\\&|READER|TR|TELERAD|GW|20260301130000||ORU^R01|M1|P|2.3.1\r\
//!      PID|||7\r\
//!      OBR|1|||CT^CT head||||||||||||||A1001||||20260301125900|||F\r\
//!      OBX|1|TX|||No bleed.||||||F\r",
//! )?;
//! let reading = Reading { site: site.clone(), accession_policy: AccessionPolicy::default() };
//! let incoming = read(&message, &reading)?;
//!
//! let candidates = [Candidate {
//!     key: "north/A1001".to_owned(),
//!     order: order.clone(),
//!     source: CandidateSource::Order,
//!     also_known_as: Vec::new(),
//! }];
//! let decisions: Vec<_> = incoming
//!     .claims
//!     .iter()
//!     .map(|claim| decide(claim, &candidates, &reading.accession_policy))
//!     .collect();
//!
//! let now = Timestamp::default();
//! let outcome = receive(&incoming, &decisions, None, &site, "message-1", now);
//! assert_eq!(outcome.disposition, Disposition::Filed);
//! let [Effect::PutReport(record)] = outcome.effects.as_slice() else { panic!("not filed") };
//!
//! let dialect = RisDialect { accession_prefix: "N-".to_owned(), ..RisDialect::default() };
//! let version = record.current().ok_or("nothing stands")?;
//! let report = outgoing(record, version, &order, &dialect, "T1", now)?;
//! assert_eq!(report.text("OBR-18").as_deref(), Some("N-A1001"));
//! assert_eq!(report.text("OBX-5").as_deref(), Some("No bleed."));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! 100 OBR and 20,000 lines a message, [`VERSIONS_MAX`] versions a report; the bytes of a message are bounded by
//! [`telerad_hl7::Limits`]. A message that holds an addendum alone is parked, since appending it needs a rule of the site that
//! does not exist yet. A report for several orders is filed whole under each. MDM^T02, DICOM SR and encapsulated PDF objects
//! are not read or written yet; a PDF inside an OBX is carried as it came, and not looked into.
//!
//! # Parts of the standard
//! HL7 2.3.1 and 2.5.1 chapter 7: 7.3.1 ORU^R01, 7.4.1 OBR with table 0123, 7.4.2 OBX with tables 0085 and 0078 and the
//! OBX-3 suffixes of 2.3.1 section 7.1.4; PID of chapter 3; table 0357 for rejections. IHE RAD-28 and RAD-128 for where the
//! accession number and the study instance UID stand, ZDS of RAD-4.
//!
//! `Debug` of every type here that holds patient data or text prints `<redacted>`.

mod incoming;
mod instant;
mod outgoing;
mod park;
mod read;
mod receive;
mod record;
#[cfg(test)]
mod samples;

pub use incoming::{AccessionSource, Finding, FindingCode, IncomingReport, Reading, Rejection};
pub use outgoing::{OutgoingError, RisDialect, announcement, outgoing};
pub use park::{ParkReason, ParkedReport};
pub use read::read;
pub use receive::{Disposition, Effect, Outcome, VERSIONS_MAX, receive};
pub use record::{ReportKey, ReportLine, ReportRecord, ReportStatus, ReportVersion, Signer};
