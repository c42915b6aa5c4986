//! The client of a connection that a trusted proxy opens: the PROXY protocol names it, before everything else.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use limits::proxy_protocol::{Header, MAX_HEADER};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// The rest of a header is looked for after this time, so many times. Proxies send it in one piece.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const POLLS: u32 = 100;

/// The address that the header names, or `from` without one. What comes after the header is left in the stream. The caller bounds
/// how long it waits for the first octets of the connection.
///
/// # Errors
/// The connection ends, or begins with a damaged header.
pub(super) async fn client(stream: &mut TcpStream, from: SocketAddr) -> io::Result<SocketAddr> {
    let mut first = vec![0; MAX_HEADER];
    let mut polls = 0;
    loop {
        let come = stream.peek(&mut first).await?;
        match Header::parse(&first[..come]) {
            Header::Absent => return Ok(from),
            Header::Complete { length, client } => {
                stream.read_exact(&mut first[..length]).await?;
                return Ok(client.unwrap_or(from));
            }
            Header::Incomplete if come > 0 && polls < POLLS => {
                polls += 1;
                sleep(POLL_INTERVAL).await;
            }
            Header::Incomplete | Header::Malformed => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
