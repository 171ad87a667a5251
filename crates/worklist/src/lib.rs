//! HL7 orders and ADT in, Modality Worklist answers out.
