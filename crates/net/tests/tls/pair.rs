//! A listener and a connector that are joined in memory.

use std::io;

use telerad_net::{Connector, Listener};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

pub const ADDRESS: &str = "server.example:2762";

pub struct Port(mpsc::UnboundedReceiver<DuplexStream>);

#[derive(Clone)]
pub struct Cable(mpsc::UnboundedSender<DuplexStream>);

pub fn pair() -> (Port, Cable) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Port(receiver), Cable(sender))
}

impl Cable {
    pub fn plug(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(64 * 1024);
        self.0.send(far).unwrap();
        near
    }
}

impl Listener for Port {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, String)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, "192.0.2.9:40000".to_owned())),
            None => std::future::pending().await,
        }
    }

    fn local_address(&self) -> String {
        ADDRESS.to_owned()
    }
}

impl Connector for Cable {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        Ok(self.plug())
    }
}
