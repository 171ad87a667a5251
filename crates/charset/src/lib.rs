//! Character sets of DICOM and HL7 that never lose a character.
