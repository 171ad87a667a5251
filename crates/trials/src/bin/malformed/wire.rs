//! Connections to what is tested, plain and with TLS, and what comes back on them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use telerad::net::tls::{ClientTls, TlsConnector};
use telerad::net::{AnyConnector, AnyStream, Connector, TcpConnector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::bytes::{echo, release, usual_request};
use crate::cases::Case;

/// Who is tested: where, and how to get there.
#[derive(Clone)]
pub struct Target {
    pub address: String,
    pub connector: AnyConnector,
}

impl Target {
    pub fn plain(address: impl Into<String>) -> Self {
        Self { address: address.into(), connector: AnyConnector::new(TcpConnector) }
    }

    pub fn secure(address: impl Into<String>, tls: ClientTls) -> Self {
        let connector = AnyConnector::new(TlsConnector::new(TcpConnector, tls));
        Self { address: address.into(), connector }
    }

    /// A connection that is ready for PDUs.
    pub async fn open(&self) -> Result<AnyStream> {
        let opening = async {
            let stream = self.connector.connect(&self.address).await?;
            self.connector.handshake(&self.address, stream).await
        };
        let (stream, _) = timeout(PATIENCE, opening).await.context("no connection")??;
        Ok(stream)
    }

    /// Does what the case says, and names what came back.
    pub async fn provoke(&self, case: &Case) -> Result<String> {
        let mut stream = self.open().await?;
        if case.is_associated {
            stream.write_all(&usual_request()).await?;
            stream.flush().await?;
            let mut header = [0; 6];
            timeout(PATIENCE, stream.read_exact(&mut header)).await.context("no answer")??;
            let [2, _, length @ ..] = header else { bail!("not accepted: PDU {}", header[0]) };
            let mut body = (&mut stream).take(u32::from_be_bytes(length).into());
            timeout(PATIENCE, tokio::io::copy(&mut body, &mut tokio::io::sink())).await??;
        }
        for piece in &case.pieces {
            // The other end may have heard enough before the last piece.
            if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
                break;
            }
            if !case.pause.is_zero() {
                sleep(case.pause).await;
            }
        }
        if case.ends {
            let _ = stream.shutdown().await;
        }
        Ok(listen(stream, case.wanted).await)
    }

    /// A well-behaved peer is served.
    pub async fn is_alive(&self) -> Result<(), String> {
        let wanted = "AC, RSP 0000, RELRP, closed";
        let conversation = async {
            let mut stream = self.open().await?;
            stream.write_all(&[usual_request(), echo(), release()].concat()).await?;
            stream.flush().await?;
            Ok::<_, anyhow::Error>(listen(stream, &[wanted]).await)
        };
        match conversation.await {
            Ok(heard) if heard == wanted => Ok(()),
            Ok(heard) => Err(format!("C-ECHO afterwards: {heard}")),
            Err(error) => Err(format!("C-ECHO afterwards: {error:#}")),
        }
    }
}

/// Reads until the other end closes, or has said what is wanted and adds nothing.
async fn listen(mut stream: AnyStream, wanted: &[&str]) -> String {
    let (mut answer, mut buffer, mut has_ended) = (Vec::new(), [0; 8192], false);
    loop {
        let heard = names(&answer);
        let is_last =
            |name: &String| ["ABORT", "RELRP", "RJ"].iter().any(|last| name.starts_with(last));
        if !has_ended && heard.last().is_some_and(is_last) {
            // Now closing is up to us (PS3.8 section 9.2.1, ARTIM); then the other end has to follow.
            has_ended = true;
            let _ = stream.shutdown().await;
        }
        let heard = heard.join(", ");
        let patience = if wanted.contains(&heard.as_str()) { QUIET } else { PATIENCE };
        match timeout(patience, stream.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => answer.extend_from_slice(&buffer[..count]),
            Ok(_) if heard.is_empty() => return "closed".to_owned(),
            Ok(_) => return heard + ", closed",
            Err(_) => return heard,
        }
    }
}

/// The PDUs of a stream: their types, with the codes of A-ASSOCIATE-RJ, A-ABORT and responses.
fn names(mut stream: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(([kind, _, length @ ..], rest)) = stream.split_first_chunk::<6>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((body, next)) = rest.split_at_checked(length) else {
            names.push("part of a PDU".to_owned());
            break;
        };
        names.push(match (kind, body) {
            (2, _) => "AC".to_owned(),
            (3, [_, result, source, reason]) => format!("RJ {result}{source}{reason}"),
            (4, [_, _, _, _, _, _, set @ ..]) => format!("RSP {}", status(set)),
            (6, _) => "RELRP".to_owned(),
            (7, [_, _, source, reason]) => format!("ABORT {source}{reason}"),
            (other, _) => format!("PDU {other:02X}"),
        });
        stream = next;
    }
    names
}

/// Status (0000,0900) of a command set.
fn status(set: &[u8]) -> String {
    let at = set.windows(8).position(|window| window == b"\0\0\0\x09\x02\0\0\0");
    match at.and_then(|at| set.get(at + 8..at + 10)) {
        Some([low, high]) => format!("{high:02X}{low:02X}"),
        _ => "without a status".to_owned(),
    }
}

/// How long anything may take on loopback.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing more may come after what is wanted.
const QUIET: Duration = Duration::from_millis(100);
