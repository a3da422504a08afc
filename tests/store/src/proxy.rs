//! A proxy between a client and the server, which does to each answer what a test says.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes through.
    None,
    /// The proxy itself answers with this status, and the server hears nothing.
    Status(u16),
    /// The connection is closed after so many bytes of the answer's body.
    Cut(usize),
    /// The connection is closed without an answer.
    Close,
    /// The answer comes this much later.
    Slow(Duration),
}

/// A proxy on loopback, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts one; `fault` is asked about each request by its number, from 0, and its first line.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(
        upstream: SocketAddr,
        fault: impl Fn(usize, &str) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, fault) = (Arc::clone(&lines), Arc::new(fault));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (kept, fault) = (Arc::clone(&kept), Arc::clone(&fault));
                std::thread::spawn(move || {
                    let number = |line: &str| {
                        let mut kept = kept.lock();
                        kept.push(line.to_owned());
                        kept.len() - 1
                    };
                    // A client that goes is no trouble of the test.
                    let _ = pass(&client, upstream, &number, &*fault);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, lines }
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first lines of all requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.lines.lock().clone()
    }
}

/// One request a connection: the client is told that it ends.
fn pass(
    mut client: &TcpStream,
    upstream: SocketAddr,
    number: &dyn Fn(&str) -> usize,
    fault: &dyn Fn(usize, &str) -> Fault,
) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let (head, length) = head(&mut reader)?;
    let first = head.lines().next().unwrap_or_default().to_owned();
    let fault = fault(number(&first), &first);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    match fault {
        Fault::Close => return Ok(()),
        Fault::Status(status) => {
            let answer = "Connection: close\r\nContent-Length: 0\r\n\r\n";
            return write!(client, "HTTP/1.1 {status} Broken\r\n{answer}");
        }
        Fault::Slow(time) => std::thread::sleep(time),
        Fault::None | Fault::Cut(_) => {}
    }
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(
        head.replacen("\r\n", "\r\nConnection: close\r\n", 1)
            .as_bytes(),
    )?;
    server.write_all(&body)?;
    let mut answer = BufReader::new(server);
    let (head, _) = self::head(&mut answer)?;
    client.write_all(
        head.replacen("\r\n", "\r\nConnection: close\r\n", 1)
            .as_bytes(),
    )?;
    match fault {
        Fault::Cut(most) => io::copy(&mut answer.take(most as u64), &mut client)?,
        _ => io::copy(&mut answer, &mut client)?,
    };
    Ok(())
}

/// The head of a message, and the length that it states of the body.
fn head(reader: &mut impl BufRead) -> io::Result<(String, usize)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = head[start..].trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Ok((head, length));
        }
        if let Some(stated) = line.strip_prefix("content-length:") {
            length = stated.trim().parse().unwrap_or(0);
        }
    }
}
