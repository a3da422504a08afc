//! What a broker says of itself before anybody logs in. The client library does not pass it on.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

use super::BrokerUrl;

/// How long the greeting may take.
const LIMIT: Duration = Duration::from_secs(5);
/// No greeting of a broker is longer.
const MOST: u64 = 8 << 10;

/// What speaks at an address, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// AMQP 0-9-1, without TLS.
    Amqp,
    /// Some other version of AMQP.
    OtherAmqp,
    /// TLS.
    Tls,
    /// HTTP, such as the management plugin's.
    Http,
    /// Anything else.
    Other,
}

/// What came back from an address that was greeted in AMQP 0-9-1 without TLS.
pub(super) struct Greeting {
    pub(super) kind: Kind,
    version: Option<String>,
}

/// Greets whatever listens at an address; nothing if it says nothing.
pub(super) async fn greeting(address: impl ToSocketAddrs) -> Option<Greeting> {
    let mut said = Vec::new();
    let asking = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(b"AMQP\x00\x00\x09\x01").await.ok()?;
        let mut block = [0; 1024];
        // The server properties are a table; the value of `version` is a long string in it.
        while version_in(&said).is_none() && (said.len() as u64) < MOST {
            let read = stream.read(&mut block).await.ok();
            let read = read.filter(|&read| read > 0)?;
            said.extend_from_slice(&block[..read]);
            if kind_of(&said) != Kind::Amqp {
                break;
            }
        }
        Some(())
    };
    let _ = tokio::time::timeout(LIMIT, asking).await;
    (!said.is_empty()).then(|| Greeting {
        kind: kind_of(&said),
        version: version_in(&said),
    })
}

/// The version that the broker names in its greeting (AMQP 0-9-1, `connection.start`); none if the
/// connection is encrypted, or nothing like it comes.
pub async fn version(url: &BrokerUrl) -> Option<String> {
    match url.is_tls() {
        true => None,
        false => greeting(url.address()).await?.version,
    }
}

fn kind_of(said: &[u8]) -> Kind {
    match said {
        // A frame of a method on channel 0.
        [1, 0, 0, ..] => Kind::Amqp,
        // A record of an alert or a handshake.
        [0x15 | 0x16, 3, ..] => Kind::Tls,
        [b'A', b'M', b'Q', b'P', ..] => Kind::OtherAmqp,
        [b'H', b'T', b'T', b'P', b'/', ..] => Kind::Http,
        _ => Kind::Other,
    }
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
        assert_eq!(kind_of(b"\x15\x03\x01\0\x02\x02\x0a"), Kind::Tls);
        assert_eq!(kind_of(b"HTTP/1.1 400 Bad Request"), Kind::Http);
        assert_eq!(kind_of(b"AMQP\0\x01\0\0"), Kind::OtherAmqp);
        assert_eq!(kind_of(b"220 smtp.example"), Kind::Other);
        let greeting = b"\x01\0\0junk\x07versionS\0\0\0\x063.10.8rest";
        assert_eq!(version_in(greeting).as_deref(), Some("3.10.8"));
        assert_eq!(kind_of(greeting), Kind::Amqp);
        for end in 0..greeting.len() - 4 {
            assert_eq!(version_in(&greeting[..end]), None, "{end}");
        }
        assert_eq!(version_in(b"\x07versionS\xFF\xFF\xFF\xFFx"), None);
        assert_eq!(version_in(b"\x07versionS\0\0\0\x02\n\n"), None);
    }
}
