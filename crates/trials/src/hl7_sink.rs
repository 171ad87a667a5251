//! An HL7 listener that keeps what it is sent: written apart from the library that is on trial.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;

use crate::wait;

/// A listener on loopback that answers AA to every message; it stops when dropped.
#[derive(Debug)]
pub struct Hl7Sink {
    port: u16,
    received: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Hl7Sink {
    /// Listens on the port; 0 lets the system choose.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let sink = Self {
            port: listener.local_addr()?.port(),
            received: Arc::default(),
            stop: Arc::default(),
        };
        let (received, stop) = (Arc::clone(&sink.received), Arc::clone(&sink.stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let (received, stop) = (Arc::clone(&received), Arc::clone(&stop));
                        std::thread::spawn(move || serve(stream, &received, &stop));
                    }
                    Err(_) => wait::pause(Duration::from_millis(10)),
                }
            }
        });
        Ok(sink)
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Every message so far, repetitions included, segments separated by CR.
    pub fn received(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.received)
    }
}

impl Drop for Hl7Sink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A field of the first segment with this name, raw: `("PID", 3)`.
pub fn field<'a>(message: &'a str, segment: &str, number: usize) -> &'a str {
    // The separator after MSH is itself MSH-1, so that the fields of MSH are one further on.
    let number = if segment == "MSH" { number - 1 } else { number };
    message
        .split('\r')
        .find(|line| line.split('|').next() == Some(segment))
        .and_then(|line| line.split('|').nth(number))
        .unwrap_or("")
}

fn lock(received: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    received.lock().expect("no holder of this lock panics")
}

/// One connection. What was read is recorded before it is answered: an answer that gets lost makes
/// the sender repeat, and the repetition is counted.
fn serve(mut stream: TcpStream, received: &Mutex<Vec<String>>, stop: &AtomicBool) {
    let timeout = Some(Duration::from_millis(100));
    if stream.set_nonblocking(false).and(stream.set_read_timeout(timeout)).is_err() {
        return;
    }
    let mut pending = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => pending.extend_from_slice(&buffer[..count]),
            Err(error) if is_timeout(&error) => continue,
            Err(_) => return,
        }
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\x1c\r") {
            let frame: Vec<u8> = pending.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&frame[..end]);
            let text = text.trim_start_matches('\x0b').to_owned();
            let answer = answer(&text);
            lock(received).push(text);
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

fn answer(message: &str) -> String {
    let control_id = field(message, "MSH", 10);
    let (application, facility) = (field(message, "MSH", 3), field(message, "MSH", 4));
    format!(
        "\x0bMSH|^~\\&|SINK|TRIAL|{application}|{facility}|20260105101500||ACK|A{control_id}|P|2.5.1\r\
         MSA|AA|{control_id}\r\x1c\r"
    )
}
