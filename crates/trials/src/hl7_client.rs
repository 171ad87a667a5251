//! An MLLP sender on a bare socket: written apart from the library that is on trial.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A connection to an HL7 listener.
#[derive(Debug)]
pub struct Hl7Client {
    stream: TcpStream,
}

/// What an acknowledgement says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ack {
    /// MSA-1.
    pub code: String,
    /// MSA-2.
    pub control_id: String,
    /// The whole message, segments separated by CR.
    pub text: String,
}

impl Hl7Client {
    /// Connects; every later wait ends after 20 seconds.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream })
    }

    /// Sends a message in a frame and waits for the frame that answers it.
    ///
    /// # Errors
    /// When the connection breaks or what comes back is no acknowledgement.
    pub fn send(&mut self, message: &str) -> Result<Ack> {
        let frame = [b"\x0b".as_slice(), message.as_bytes(), b"\x1c\r"].concat();
        self.send_raw(&frame)?;
        self.receive()
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// When the connection ends, or the frame holds no acknowledgement.
    pub fn receive(&mut self) -> Result<Ack> {
        let mut frame = Vec::new();
        let mut buffer = [0; 4096];
        while !frame.ends_with(b"\x1c\r") {
            let count = self.stream.read(&mut buffer).context("waiting for the acknowledgement")?;
            if count == 0 {
                bail!("the connection was closed without an acknowledgement");
            }
            frame.extend_from_slice(&buffer[..count]);
        }
        let text = String::from_utf8_lossy(&frame[1..frame.len() - 2]).into_owned();
        let msa = text.split('\r').find(|segment| segment.starts_with("MSA|"));
        let mut fields = msa.context("no MSA segment")?.split('|').skip(1);
        let code = fields.next().unwrap_or("").to_owned();
        let control_id = fields.next().unwrap_or("").to_owned();
        Ok(Ack { code, control_id, text })
    }
}
