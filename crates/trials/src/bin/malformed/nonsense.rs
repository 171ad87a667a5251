//! Nonsense on both ports that the gateway has to log, and what only a timer ends.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use telerad::dicom::Status;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::gateway::{Addresses, Log};
use telerad_trials::hl7_client::Hl7Client;
use telerad_trials::hl7_sink::Hl7Sink;
use telerad_trials::messages::{Order, head};
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::Instance;
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;

use crate::bytes::usual_request;

pub fn check(verdict: &mut Verdict, arguments: &Arguments) -> Result<()> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let ris = Hl7Sink::start(0)?;
    let setting = Setting::between(sink.port(), ris.port(), ris.port())?;
    let (mut gateway, addresses) = setting.start(arguments)?;
    let mut log = Log::new(&setting.log);

    for case in &cases() {
        log.news();
        let outcome = provoke(case, &addresses, Duration::from_secs(15))
            .map_err(|error| error.to_string())
            .and_then(|reaction| judge(case, &reaction, &mut log));
        verdict.row(case.name, outcome);
        if !gateway.is_running() {
            bail!("the gateway ended: {}", log.whole());
        }
        let echo = DicomClient::connect(addresses.dicom, "CT1").and_then(|mut each| each.echo());
        if !matches!(echo, Ok(Status::SUCCESS)) {
            verdict.row("C-ECHO afterwards", Err::<&str, _>(format!("{echo:?}")));
        }
    }
    if !arguments.quick {
        silent(verdict, &addresses, &mut log);
    }
    serves(verdict, &addresses, &records)?;
    drop(sink);
    gateway.terminate(Duration::from_secs(20))
}

/// Which port a case goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Port {
    Dicom,
    Hl7,
}

/// What the sender does after its last byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    /// Ends its side of the connection.
    End,
    /// Says nothing more and waits.
    Wait,
}

struct Case {
    name: &'static str,
    port: Port,
    bytes: Vec<u8>,
    then: Then,
    /// An association first, with one context for Verification.
    associated: bool,
}

fn cases() -> Vec<Case> {
    let dicom = |name, bytes: &[u8], then| Case {
        name,
        port: Port::Dicom,
        bytes: bytes.to_vec(),
        then,
        associated: false,
    };
    let inside = |name, bytes: &[u8]| Case { associated: true, ..dicom(name, bytes, Then::Wait) };
    let hl7 = |name, text: &str, then| Case {
        name,
        port: Port::Hl7,
        bytes: text.as_bytes().to_vec(),
        then,
        associated: false,
    };
    let http = "GET / HTTP/1.1\r\nHost: pacs\r\n\r\n";
    let request = usual_request();
    let no_control_id = head("RIS", "NORTH", "ADT^A04^ADT_A01", "");
    let stranger = head("STRANGER", "NOWHERE", "ADT^A04^ADT_A01", "S1");
    vec![
        dicom("half a PDU, then the end", &request[..request.len() / 2], Then::End),
        dicom("HTTP on the DICOM port", http.as_bytes(), Then::Wait),
        dicom(
            "a TLS hello on the DICOM port",
            b"\x16\x03\x01\x02\x00\x01\0\x01\xfc\x03\x03",
            Then::Wait,
        ),
        dicom("an A-ASSOCIATE-RQ of 4 GB", b"\x01\0\xff\xff\xff\xff\0\x01\0\0", Then::Wait),
        dicom("P-DATA before any association", b"\x04\0\0\0\0\x06\0\0\0\x02\x01\x03", Then::Wait),
        dicom("an unknown PDU type", b"\x09\0\0\0\0\x04\0\0\0\0", Then::Wait),
        inside("a P-DATA of 4 GB", b"\x04\0\xff\xff\xff\xff\0\0\0\x02\x01\x03"),
        inside("a PDV longer than its PDU", b"\x04\0\0\0\0\x06\0\0\xff\xff\x01\x03"),
        inside(
            "a command that is no command",
            b"\x04\0\0\0\0\x0a\0\0\0\x06\x01\x03\xff\xff\xff\xff",
        ),
        inside("a context that was not negotiated", b"\x04\0\0\0\0\x0a\0\0\0\x06\x63\x03\0\0\0\0"),
        hl7("half an MLLP frame, then the end", "\x0bMSH|^~\\&|RIS|NORTH|", Then::End),
        hl7("HTTP on the HL7 port", http, Then::End),
        hl7("a message without MSH-10", &format!("\x0b{no_control_id}\r\x1c\r"), Then::Wait),
        hl7("a message without MSH", "\x0bPID|1||4711\r\x1c\r", Then::Wait),
        hl7("an empty frame", "\x0b\x1c\r", Then::End),
        hl7("a sender that nobody knows", &format!("\x0b{stranger}\r\x1c\r"), Then::Wait),
        hl7("an oversized frame", &format!("\x0b{}", "x".repeat(65 << 20)), Then::Wait),
    ]
}

/// What came back.
struct Reaction {
    /// Our end of the connection, by which the log names it.
    from: SocketAddr,
    answer: Vec<u8>,
    closed: bool,
}

fn provoke(case: &Case, addresses: &Addresses, limit: Duration) -> Result<Reaction> {
    let address: SocketAddr = match case.port {
        Port::Dicom => addresses.dicom,
        Port::Hl7 => addresses.hl7,
    };
    let mut stream = TcpStream::connect(address)?;
    let from = stream.local_addr()?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    if case.associated {
        stream.write_all(&usual_request())?;
        let mut kind = [0; 6];
        stream.read_exact(&mut kind)?;
        if kind[0] != 2 {
            bail!("the association was not accepted: PDU type {}", kind[0]);
        }
        let length = u32::from_be_bytes([kind[2], kind[3], kind[4], kind[5]]);
        std::io::copy(&mut (&mut stream).take(u64::from(length)), &mut std::io::sink())?;
    }
    // The gateway may close before it has read everything: that is an answer too.
    let refused = stream.write_all(&case.bytes).is_err();
    if case.then == Then::End {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let mut closed = refused;
    let deadline = Instant::now() + limit;
    let mut buffer = [0; 4096];
    while !closed && Instant::now() < deadline && !is_nak(&answer) {
        match stream.read(&mut buffer) {
            Ok(0) => closed = true,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => {
                closed = error.kind() == std::io::ErrorKind::ConnectionReset;
                break;
            }
        }
    }
    Ok(Reaction { from, answer, closed })
}

fn judge(case: &Case, reaction: &Reaction, log: &mut Log) -> Result<String, String> {
    let said = match (reaction.answer.first(), reaction.closed) {
        (Some(7), true) => "A-ABORT, closed",
        (Some(3), true) => "A-ASSOCIATE-RJ, closed",
        (Some(0x0b), _) if is_nak(&reaction.answer) => "NAK",
        (Some(first), _) => return Err(format!("answered with {first:#04x}")),
        (None, true) => "closed",
        (None, false) => return Err("no answer, and the connection stays open".to_owned()),
    };
    if case.port == Port::Dicom && !reaction.closed {
        return Err(format!("{said}, and the connection stays open"));
    }
    match logged(reaction, log) {
        Some(line) => Ok(format!("{said}; {line}")),
        None => Err(format!("{said}, but nothing was logged")),
    }
}

/// Waits for a warning about the connection; without the head of its line.
fn logged(reaction: &Reaction, log: &mut Log) -> Option<String> {
    let mut news = String::new();
    let mut found = None;
    wait::until(Duration::from_secs(3), || {
        news.push_str(&log.news());
        found = warning(&news, reaction.from).map(str::to_owned);
        found.is_some()
    });
    found.map(|line| line.rsplit("::").next().unwrap_or("").to_owned())
}

/// The first warning that names our end of the connection.
fn warning(log: &str, from: SocketAddr) -> Option<&str> {
    let peer = format!("peer=\"{from}\"");
    let plain = format!("peer={from}");
    log.lines().find(|line| {
        (line.contains(" WARN ") || line.contains(" ERROR "))
            && (line.contains(&peer) || line.contains(&plain))
    })
}

fn is_nak(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    text.ends_with("\x1c\r")
        && ["AE", "AR"].iter().any(|code| text.contains(&format!("MSA|{code}")))
}

/// Half of something, then silence: only a timer can end these. Both wait at the same time.
fn silent(verdict: &mut Verdict, addresses: &Addresses, log: &mut Log) {
    log.news();
    let request = usual_request();
    let half = |name, port, bytes: &[u8]| Case {
        name,
        port,
        bytes: bytes.to_vec(),
        then: Then::Wait,
        associated: false,
    };
    let cases = [
        half("half a PDU, then silence", Port::Dicom, &request[..20]),
        half("no byte at all on the DICOM port", Port::Dicom, b""),
        half("half an MLLP frame, then silence", Port::Hl7, b"\x0bMSH|^~\\&|RIS"),
    ];
    let limit = Duration::from_secs(90);
    let reactions: Vec<_> = std::thread::scope(|scope| {
        let start = |case| scope.spawn(move || provoke(case, addresses, limit));
        let threads: Vec<_> = cases.iter().map(start).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let news = log.news();
    for (case, reaction) in cases.iter().zip(reactions) {
        let outcome = match reaction {
            Ok(Ok(reaction)) if !reaction.closed => Err("still open after 90 s".to_owned()),
            Ok(Ok(reaction)) if warning(&news, reaction.from).is_none() => {
                Err("closed, but nothing was logged".to_owned())
            }
            Ok(Ok(_)) => Ok("closed by a timer, logged"),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the thread of this case panicked".to_owned()),
        };
        verdict.row(case.name, outcome);
    }
}

/// The gateway is as good as before: every service still works.
fn serves(verdict: &mut Verdict, addresses: &Addresses, records: &Records) -> Result<()> {
    let order = Order::new("MAL", 1);
    let mut modality = DicomClient::connect(addresses.dicom, "CT1")?;
    let echo = modality.echo()?;
    verdict.claim("afterwards: C-ECHO", echo == Status::SUCCESS, "");
    let ack = Hl7Client::connect(addresses.hl7)?.send(&order.orm("M1"))?;
    verdict.claim(
        "afterwards: an order",
        (ack.code.as_str(), ack.control_id.as_str()) == ("AA", "M1"),
        ack.code,
    );
    let steps = modality.worklist(&order.accession)?;
    verdict.claim("afterwards: the worklist", steps.len() == 1, format!("{} steps", steps.len()));
    let instance = Instance::ct(&order, "2.25.901", 64 * 1024, 9);
    let status = modality.store(&instance)?;
    let arrived = wait::until(Duration::from_secs(20), || {
        records.all().iter().any(|received| received.digest == instance.digest())
    });
    verdict.claim("afterwards: C-STORE and delivery", status == Status::SUCCESS && arrived, "");
    modality.release()
}
