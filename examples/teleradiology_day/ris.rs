//! The centre's RIS: sends patients and orders, listens for reports. And whoever else listens for the news of one.

use std::sync::{Arc, Mutex};

use anyhow::ensure;
use bytes::Bytes;
use telerad::core::Timestamp;
use telerad::hl7::{AckCode, Acknowledgement, Message, acknowledge};
use telerad::net::mllp::{self, MessageHandler, Sender, Timeouts};
use telerad::net::{
    BoxFuture, Clock, Remote, Shutdown, SystemClock, TcpAcceptor, TcpConnector, TokioSpawn,
};

use crate::cast::Case;

/// Sends one message and expects it to be accepted.
pub(crate) async fn send(address: &str, text: &str) -> anyhow::Result<()> {
    let message = Message::parse(Bytes::from(text.to_owned()))?;
    let mut sender = Sender::new(TcpConnector, address, Timeouts::default());
    let answer = sender.send(&message).await?.stored().await;
    ensure!(answer.code == AckCode::AA, "answered {:?}: {}", answer.code, answer.text);
    Ok(())
}

pub(crate) fn adt_a04(case: &Case, now: Timestamp) -> String {
    let time = now.to_compact_utc();
    lines(&[
        msh("RIS", "ADT^A04", &format!("A04{}", case.mrn), &time),
        format!("EVN|A04|{time}"),
        pid(case),
        "PV1||O|RADIOLOGY".to_owned(),
    ])
}

pub(crate) fn orm_o01(case: &Case, now: Timestamp) -> String {
    let time = now.to_compact_utc();
    let (number, code) = (&case.accession, &case.code);
    let timing = format!("1^^^{}0930^^R", &time[..8]);
    let procedure = format!("{code}^{}^LOCAL", case.procedure);
    lines(&[
        msh("RIS", "ORM^O01", &format!("O01{number}"), &time),
        pid(case),
        segment("PV1", &[(2, "O"), (3, "RADIOLOGY"), (8, "REF1^Moreau^Claire")]),
        segment(
            "ORC",
            &[
                (1, "NW"),
                (2, &format!("P{number}^RIS")),
                (3, &format!("F{number}^RIS")),
                (5, "SC"),
                (7, &timing),
                (9, &time),
            ],
        ),
        segment(
            "OBR",
            &[
                (1, "1"),
                (2, &format!("P{number}^RIS")),
                (3, &format!("F{number}^RIS")),
                (4, &format!("{procedure}^{procedure}")),
                (16, "REQ2^Okafor^Ada"),
                (18, number),
                (19, &format!("RP{number}")),
                (20, &format!("SPS{number}")),
                (24, case.modality),
                (27, &timing),
                (44, &procedure),
            ],
        ),
        format!("ZDS|{}^RIS^Application^DICOM", case.study_instance_uid),
    ])
}

/// Takes an order back.
pub(crate) fn cancel(case: &Case, now: Timestamp) -> String {
    let (time, number) = (now.to_compact_utc(), &case.accession);
    lines(&[
        msh("RIS", "ORM^O01", &format!("CA{number}"), &time),
        pid(case),
        format!("ORC|CA|P{number}^RIS|F{number}^RIS||CA||||{time}"),
        format!("OBR|1|P{number}^RIS|F{number}^RIS|||||||||||||||{number}"),
    ])
}

/// The record of the second is the first one's.
pub(crate) fn adt_a40(kept: &Case, gone: &Case, now: Timestamp) -> String {
    let time = now.to_compact_utc();
    lines(&[
        msh("RIS", "ADT^A40", &format!("A40{}", gone.mrn), &time),
        format!("EVN|A40|{time}"),
        pid(kept),
        format!("MRG|{}^^^NORTH-MRN", gone.mrn),
    ])
}

/// The header of a message in UTF-8, from an application of the centre to the gateway.
pub(crate) fn msh(sender: &str, kind: &str, control_id: &str, time: &str) -> String {
    let route = format!("{sender}|NORTH|TELERAD|GATEWAY");
    format!("MSH|^~\\&|{route}|{time}||{kind}|{control_id}|P|2.3.1||||||UNICODE UTF-8")
}

pub(crate) fn pid(case: &Case) -> String {
    let (mrn, family, given) = (case.mrn, case.family, case.given);
    format!("PID|1||{mrn}^^^NORTH-MRN||{family}^{given}||{}|{}", case.birth_date, case.sex)
}

/// A segment from its numbered fields, which come in order.
pub(crate) fn segment(id: &str, fields: &[(usize, &str)]) -> String {
    let mut text = id.to_owned();
    let mut reached = 0;
    for (number, value) in fields {
        text.push_str(&"|".repeat(number - reached));
        text.push_str(value);
        reached = *number;
    }
    text
}

pub(crate) fn lines(segments: &[String]) -> String {
    segments.join("\r") + "\r"
}

/// Messages that came in, in order.
pub(crate) type Inbox = Arc<Mutex<Vec<Message>>>;

/// Listens, keeps and accepts everything.
pub(crate) struct Listening {
    pub(crate) address: String,
    pub(crate) inbox: Inbox,
}

impl Listening {
    pub(crate) async fn start(shutdown: &Shutdown) -> anyhow::Result<Self> {
        let listener = TcpAcceptor::bind("127.0.0.1:0").await?;
        let address = telerad::net::Listener::local_address(&listener);
        let inbox = Inbox::default();
        let handler = Arc::new(Keep(Arc::clone(&inbox)));
        let config = mllp::ServerConfig::default();
        tokio::spawn(mllp::serve(
            listener,
            handler,
            config,
            Arc::new(TokioSpawn),
            shutdown.clone(),
        ));
        Ok(Self { address, inbox })
    }
}

struct Keep(Inbox);

impl MessageHandler for Keep {
    fn handle(&self, _remote: Remote, frame: Bytes) -> BoxFuture<'static, Bytes> {
        let inbox = Arc::clone(&self.0);
        Box::pin(async move {
            let message = Message::parse(frame).ok();
            let code = if message.is_some() { AckCode::AA } else { AckCode::AR };
            let now = SystemClock.timestamp();
            let control_id = format!("K{}", now.as_micros());
            let answer = Acknowledgement { code, error: None };
            let answer = acknowledge(message.as_ref(), &answer, &control_id, now);
            if let Some(message) = message {
                inbox.lock().unwrap_or_else(|it| it.into_inner()).push(message);
            }
            answer
        })
    }
}
