//! The claims.

mod batches;
mod dicom;
mod journeys;
mod messages;
mod orders;
mod queues;

pub(crate) use batches::*;
pub(crate) use dicom::*;
pub(crate) use journeys::*;
pub(crate) use messages::*;
pub(crate) use orders::*;
pub(crate) use queues::*;
