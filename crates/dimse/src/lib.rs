//! DICOM associations and DIMSE services as machines: bytes in, events out.
