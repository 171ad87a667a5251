//! Just enough HTTP/1.0 to ask Orthanc for its files.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Sends one request without a body and returns the body of a 200 answer.
///
/// # Errors
/// No connection, another status, or an answer that is not HTTP.
pub fn request(method: &str, port: u16, path: &str) -> Result<Vec<u8>> {
    exchange(method, port, path, "")
}

/// Sends one POST with a body and returns the body of a 200 answer.
///
/// # Errors
/// As [`request`].
pub fn post(port: u16, path: &str, body: &str) -> Result<Vec<u8>> {
    exchange("POST", port, path, body)
}

fn exchange(method: &str, port: u16, path: &str, body: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // Version 1.0, so that the answer is not cut in chunks.
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.context("the answer is not HTTP")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    if head.split_whitespace().nth(1) != Some("200") {
        bail!("{method} {path}: {}", head.lines().next().unwrap_or(""));
    }
    Ok(answer.split_off(end + 4))
}
