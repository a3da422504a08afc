//! What a broker says of itself before anybody logs in. The client library does not pass it on.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::BrokerUrl;

/// How long the greeting may take.
const LIMIT: Duration = Duration::from_secs(5);
/// No greeting of a broker is longer.
const MOST: u64 = 8 << 10;

/// The version that the broker names in its greeting (AMQP 0-9-1, `connection.start`); none if the
/// connection is encrypted, or nothing like it comes.
pub async fn version(url: &BrokerUrl) -> Option<String> {
    if url.is_tls() {
        return None;
    }
    let asking = async {
        let mut stream = TcpStream::connect(url.address()).await.ok()?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await.ok()?;
        let mut greeting = Vec::new();
        let mut block = [0; 1024];
        // The server properties are a table; the value of `version` is a long string in it.
        while version_in(&greeting).is_none() && (greeting.len() as u64) < MOST {
            let read = stream
                .read(&mut block)
                .await
                .ok()
                .filter(|&read| read > 0)?;
            greeting.extend_from_slice(&block[..read]);
        }
        version_in(&greeting)
    };
    tokio::time::timeout(LIMIT, asking).await.ok()?
}

fn version_in(greeting: &[u8]) -> Option<String> {
    let key = b"\x07versionS";
    let at = memchr::memmem::find(greeting, key)? + key.len();
    let len = greeting.get(at..at + 4)?;
    let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize;
    let text = greeting.get(at + 4..at.checked_add(4)?.checked_add(len)?)?;
    let plain = text.len() < 100 && text.iter().all(u8::is_ascii_graphic);
    plain.then(|| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_only_where_it_is() {
        let greeting = b"\x01\0\0junk\x07versionS\0\0\0\x063.10.8rest";
        assert_eq!(version_in(greeting).as_deref(), Some("3.10.8"));
        for end in 0..greeting.len() - 4 {
            assert_eq!(version_in(&greeting[..end]), None, "{end}");
        }
        assert_eq!(version_in(b"\x07versionS\xFF\xFF\xFF\xFFx"), None);
        assert_eq!(version_in(b"\x07versionS\0\0\0\x02\n\n"), None);
    }
}
