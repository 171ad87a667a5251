#![doc = include_str!("../../../README.md")]

pub use telerad_accession as accession;
pub use telerad_charset as charset;
pub use telerad_core as core;
pub use telerad_dicom as dicom;
pub use telerad_dimse as dimse;
pub use telerad_gateway as gateway;
pub use telerad_hl7 as hl7;
pub use telerad_net as net;
pub use telerad_report as report;
pub use telerad_routing as routing;
pub use telerad_store as store;
pub use telerad_worklist as worklist;
