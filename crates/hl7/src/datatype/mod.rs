//! Values of the composite data types (HL7 2.5.1 chapter 2.A), read from the views and written by the builder.
//!
//! A type is read from whatever holds it: a field (its first repetition), a repetition, or a component, in which its
//! own components are subcomponents. Reading never fails: what is not there is empty, surplus parts are left alone,
//! and so is the message. Blanks around a value are insignificant (HL7 2.5.1 section 2.A.75) and trimmed.
//!
//! Null `""`, which means "delete this", has no text, so that nobody takes it for one; every composite notes in `nulls`
//! which of its primitive components were null, at whatever depth, and writes them as they came.
//! [`Datatype::read_stated`] tells absent, empty, null and a value apart. [`Datatype::is_empty`] is about text only:
//! [`Datatype::has_null`] says whether a value without text asks to delete something. A plain text has no place for
//! that, which is why typed segments note their null fields as well.
//!
//! ```
//! use telerad_hl7::Message;
//! use telerad_hl7::datatype::{Cx, Datatype, Xpn};
//!
//! let message = Message::parse("MSH|^~\\&|A\rPID|1||1001^^^NORTH&1.2.3&ISO^PI||DOE^JANE^^^^^L\r")?;
//! let pid = message.segment("PID").ok_or("no PID")?;
//! let id = Cx::read(pid.field(3));
//! assert_eq!(id.assigning_authority.universal_id, "1.2.3");
//! assert_eq!(Xpn::read(pid.field(5)).name_group().given, "JANE");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base64;
mod coded;
mod composite;
mod encapsulated;
mod identifier;
mod location;
mod person;
mod place;
mod stated;
mod time;
mod write;

pub(crate) use self::write::FieldValue;

pub use self::base64::{Base64, InvalidBase64};
pub use self::coded::{Ce, Cne, Cwe};
pub use self::composite::{Composite, Datatype};
pub use self::encapsulated::{DataError, Ed, MediaType, Rp};
pub use self::identifier::{Cx, Ei, Eip, Hd, Xon};
pub use self::location::{Eld, Erl};
pub use self::person::{Cnn, Fn, Ndl, Ppn, Xcn, Xpn};
pub use self::place::{Pl, Sad, Xad, Xtn};
pub use self::stated::{Nulls, Stated};
pub use self::time::{Cq, Dr, Ri, Tq, Ts};

#[cfg(test)]
mod tests;
