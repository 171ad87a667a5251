//! TCP without a protocol, with blocking sockets: what the machine can do at all.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::role::{Words, end_with_our_owner, say};
use crate::workload::{Loaded, files};

/// Answers each request: four bytes that say how long it is, and that many bytes.
pub fn serve() -> Result<()> {
    each_connection(|mut stream| {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let mut have = stream.read(&mut buffer)?;
            if have == 0 {
                return Ok(());
            }
            while have < LENGTH_BYTES {
                have += stream.read(&mut buffer[have..])?;
            }
            let mut length = [0; LENGTH_BYTES];
            length.copy_from_slice(&buffer[..LENGTH_BYTES]);
            let mut left = u32::from_le_bytes(length) as usize + LENGTH_BYTES - have;
            while left > 0 {
                left -= stream.read(&mut buffer[..left.min(BUFFER_BYTES)])?;
            }
            stream.write_all(&ANSWER)?;
        }
    })
}

/// PORT FOLDER: sends each data set as one request.
pub fn send(words: &Words<'_>) -> Result<()> {
    let requests = requests(words.text(1)?)?;
    let mut stream = connect(words.number(0)?)?;
    let mut answer = ANSWER;
    let started = Instant::now();
    for request in &requests {
        stream.write_all(request)?;
        stream.read_exact(&mut answer)?;
    }
    say(&format!("took {}", started.elapsed().as_secs_f64()))
}

/// PORT FOLDER: sends all data sets as one stream, and waits until it has gone through.
pub fn stream(words: &Words<'_>) -> Result<()> {
    let requests = requests(words.text(1)?)?;
    let mut stream = connect(words.number(0)?)?;
    let started = Instant::now();
    for request in &requests {
        stream.write_all(request)?;
    }
    stream.shutdown(Shutdown::Write)?;
    stream.read_exact(&mut [0; ANSWER.len()])?;
    say(&format!("took {}", started.elapsed().as_secs_f64()))
}

/// Takes in a stream and answers at its end.
pub fn drain() -> Result<()> {
    each_connection(|mut stream| {
        let mut buffer = vec![0; BUFFER_BYTES];
        while stream.read(&mut buffer)? > 0 {}
        stream.write_all(&ANSWER)?;
        Ok(())
    })
}

/// PORT: passes on what comes, 64 KiB at a time, and the answer back.
pub fn relay(words: &Words<'_>) -> Result<()> {
    let port = words.number(0)?;
    each_connection(|mut from| {
        let mut to = connect(port)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            to.write_all(&buffer[..count])?;
        }
        to.shutdown(Shutdown::Write)?;
        to.read_exact(&mut buffer[..ANSWER.len()])?;
        from.write_all(&buffer[..ANSWER.len()])?;
        Ok(())
    })
}

/// One connection after the other, until our owner is gone.
fn each_connection(mut serve: impl FnMut(TcpStream) -> Result<()>) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    end_with_our_owner();
    say(&format!("ready {}", listener.local_addr()?.port()))?;
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        serve(stream)?;
    }
    Ok(())
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn requests(folder: &str) -> Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    for file in files(Path::new(folder))? {
        let data_set = Loaded::read(&file)?.data_set;
        let mut request = u32::try_from(data_set.len())?.to_le_bytes().to_vec();
        request.extend_from_slice(&data_set);
        requests.push(request);
    }
    Ok(requests)
}

const BUFFER_BYTES: usize = 64 * 1024;
const LENGTH_BYTES: usize = 4;
/// As long as the answer to a C-STORE.
const ANSWER: [u8; 150] = [0; 150];
