//! Answers to orders.

use super::{OrderSources, OrderView};
use crate::datatype::Ei;
use crate::segment::{Msa, Orc};
use crate::{AckCode, Message, MessageBuilder, MessageHead, ReceivedAck, read_acknowledgement};

/// An application's answer to an order: ORR, ORG or ORI, or a plain ACK, which names no orders.
#[derive(Clone, Debug)]
pub struct ResponseView {
    /// MSA and ERR.
    pub acknowledgement: ReceivedAck,
    /// The orders that are answered, each with its order control: `OK`, `UA`, `NA` with the number that was asked for.
    pub orders: Vec<OrderView>,
}

impl ResponseView {
    /// Reads an answer; `None` without an MSA that says anything.
    pub fn read(message: &Message) -> Option<Self> {
        let acknowledgement = read_acknowledgement(message)?;
        let orders = OrderView::read_all(message, &OrderSources::default());
        Some(Self { acknowledgement, orders })
    }
}

/// What is answered to one order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrderAnswer {
    /// ORC-1, table 0119: `OK` taken, `UA` unable to accept, `CR` cancelled as requested, `UC` unable to cancel, `NA` number
    /// assigned.
    pub order_control: String,
    /// ORC-2.
    pub placer_order_number: Ei,
    /// ORC-3.
    pub filler_order_number: Ei,
}

/// Begins the application's answer to an order: ORR^O02 to ORM, ORG^O20 to OMG, ORI^O24 to OMI; `None` to anything else.
///
/// Applications and facilities change places; version and processing id are the request's. Of `head` only the time, the
/// control id and the character set are used.
pub fn answer_orders(
    request: &Message,
    head: MessageHead,
    code: AckCode,
    answers: &[OrderAnswer],
) -> Option<MessageBuilder> {
    let (message_code, event) = match request.message_code().as_str() {
        "ORM" => ("ORR", "O02"),
        "OMG" => ("ORG", "O20"),
        "OMI" => ("ORI", "O24"),
        _ => return None,
    };
    let head = MessageHead {
        sending_application: request.receiving_application(),
        sending_facility: request.receiving_facility(),
        receiving_application: request.sending_application(),
        receiving_facility: request.sending_facility(),
        message_code: message_code.to_owned(),
        trigger_event: event.to_owned(),
        structure: format!("{message_code}_{event}"),
        version: request.version(),
        processing_id: request.text("MSH-11").unwrap_or_default(),
        ..head
    };
    let answered = Msa {
        acknowledgment_code: code.as_str().to_owned(),
        message_control_id: request.control_id(),
        ..Msa::default()
    };
    let begun = MessageBuilder::new(head).typed(&answered);
    Some(answers.iter().fold(begun, |builder, answer| {
        builder.typed(&Orc {
            order_control: answer.order_control.clone(),
            placer_order_number: answer.placer_order_number.clone(),
            filler_order_number: answer.filler_order_number.clone(),
            ..Orc::default()
        })
    }))
}
