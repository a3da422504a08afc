//! Where the broker is and who connects: the URL, with a password that never shows.
//!
//! It must not open anything.

use std::fmt;
use std::str::FromStr;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use percent_encoding::percent_decode_str;
use url::Url;

/// A broker's URL: `amqp://user:password@host:port/vhost` or `amqps://…`.
///
/// User, password and virtual host are percent-decoded; without a path, or with `/` alone, the
/// virtual host is `/`; without a user it is `guest`. `?auth_mechanism=external` logs in with the
/// client certificate. Neither `Debug` nor `Display` shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    uri: AMQPUri,
}

/// How what would end a part of the URL early is written.
const ENCODE: &str = "in a user, password or virtual host write %2F for /, %40 for @, %3A for :, \
                      %23 for # and %3F for ?";
/// What is wrong with a URL that has an `@` or a `#` behind its host.
const UNENCODED: &str = "it has an @ or # behind a /, ? or #: in a user, password or virtual host write \
                         %2F for /, %40 for @, %3F for ? and %23 for #";

/// Why a text is not a broker's URL. It never holds the text: a password may be in it.
#[derive(Debug, thiserror::Error)]
pub enum NotABrokerUrl {
    /// The text does not parse.
    #[error("not a broker URL: {0}; write amqp://user:password@host:port/vhost")]
    Malformed(String),
    /// The file that holds it cannot be read.
    #[error("the broker URL cannot be read from {path}: {source}")]
    Unreadable {
        /// The file's name.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl BrokerUrl {
    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        (&self.uri.authority.host, self.uri.authority.port)
    }

    /// The virtual host.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    pub(super) fn uri(&self) -> &AMQPUri {
        &self.uri
    }
}

impl FromStr for BrokerUrl {
    type Err = NotABrokerUrl;

    fn from_str(text: &str) -> Result<Self, NotABrokerUrl> {
        let wrong = |reason: &str| NotABrokerUrl::Malformed(reason.to_owned());
        let text = text.trim();
        // A password that is cut at its own `/` would show: its rest as the host or the virtual
        // host.
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let cut = rest.find(['/', '?', '#']).map(|end| &rest[end..]);
        if cut.is_some_and(|cut| cut.contains('@') || cut.contains('#')) {
            return Err(wrong(UNENCODED));
        }
        let url = Url::parse(text).map_err(|error| match rest.contains('@') {
            true => wrong(&format!("{error}; {ENCODE}")),
            false => wrong(&error.to_string()),
        })?;
        let scheme = match url.scheme() {
            "amqp" => AMQPScheme::AMQP,
            "amqps" => AMQPScheme::AMQPS,
            _ => return Err(wrong("it begins with neither amqp:// nor amqps://")),
        };
        let decode = |part: &str| {
            percent_decode_str(part)
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| wrong("percent-encoded text is not UTF-8"))
        };
        let host = match url.host() {
            // An IPv6 address is written in brackets, which are no part of it.
            Some(url::Host::Ipv6(address)) => address.to_string(),
            Some(host) => decode(&host.to_string())?,
            None => return Err(wrong("it names no host")),
        };
        let vhost = match url.path().strip_prefix('/').unwrap_or_default() {
            "" => "/".to_owned(),
            path => decode(path)?,
        };
        let username = match url.username() {
            "" => "guest".to_owned(),
            user => decode(user)?,
        };
        let password = match url.password() {
            Some(password) => decode(password)?,
            None if url.username().is_empty() => "guest".to_owned(),
            None => String::new(),
        };
        let mut query = AMQPQueryString::default();
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "auth_mechanism" => {
                    let mechanism = value
                        .parse()
                        .map_err(|_| wrong("unknown auth_mechanism (plain, external, …)"))?;
                    query.auth_mechanism = Some(mechanism);
                }
                // A setting that is silently ignored is worse than none.
                _ => return Err(wrong("the only setting it may carry is auth_mechanism")),
            }
        }
        let port = url.port().unwrap_or_else(|| scheme.default_port());
        Ok(Self {
            uri: AMQPUri {
                scheme,
                authority: AMQPAuthority {
                    userinfo: AMQPUserInfo { username, password },
                    host,
                    port,
                },
                vhost,
                query,
            },
        })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        write!(
            f,
            "{}://{}:***@{}:{}",
            self.uri.scheme, authority.userinfo.username, authority.host, authority.port
        )?;
        match self.uri.vhost.as_str() {
            "/" => Ok(()),
            vhost => write!(f, "/{vhost}"),
        }
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, String, String, u16, String) {
        let url: BrokerUrl = text.parse().unwrap();
        let authority = &url.uri.authority;
        (
            authority.userinfo.username.clone(),
            authority.userinfo.password.clone(),
            authority.host.clone(),
            authority.port,
            url.uri.vhost,
        )
    }

    fn parts(
        user: &str,
        password: &str,
        host: &str,
        port: u16,
        vhost: &str,
    ) -> (String, String, String, u16, String) {
        (
            user.into(),
            password.into(),
            host.into(),
            port,
            vhost.into(),
        )
    }

    #[test]
    fn reads_every_part() {
        for (text, expected) in [
            ("amqp://h", parts("guest", "guest", "h", 5672, "/")),
            ("amqp://h/", parts("guest", "guest", "h", 5672, "/")),
            ("amqp://h/%2f", parts("guest", "guest", "h", 5672, "/")),
            ("amqps://h", parts("guest", "guest", "h", 5671, "/")),
            (
                "amqp://u:p%40ss%2F@10.0.0.1:99/a%20b",
                parts("u", "p@ss/", "10.0.0.1", 99, "a b"),
            ),
            ("amqp://u@[::1]/v\n", parts("u", "", "::1", 5672, "v")),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in [
            "",
            "h",
            "http://h",
            "amqp://",
            "amqp:h",
            "amqp://h/?heartbeat=5",
            "amqp://h/%ff",
            "amqp://u:p/w@h/v",
            "amqp://u:12/w@h",
            "amqp://u:12#w@h",
            "amqp://u:12?w@h",
            "amqp://u:p@w/x@h",
            "amqp://h/#v",
        ] {
            assert!(text.parse::<BrokerUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_password_in_any_text() {
        let shown = |text: &str| {
            let url: BrokerUrl = text.parse().unwrap();
            format!("{url} {url:?} {:?}", url.address())
        };
        let refused = |text: &str| {
            let error = text.parse::<BrokerUrl>().unwrap_err();
            format!("{error} {error:?}")
        };
        let texts = [
            shown("amqp://user:hunter2@h/v"),
            shown("amqp://user:12@hunter2@h/v"),
            refused("amqp://user:hunter2/x@h/v"),
            refused("amqp://user:12/hunter2@h/v"),
            refused("amqp://user:12@x/hunter2@h/v"),
            refused("amqp://user:12#hunter2@h/v"),
            refused("amqp://user:1:hunter2/@h/v"),
            "amqp://u:hunter2@h:port/"
                .parse::<BrokerUrl>()
                .unwrap_err()
                .to_string(),
            "ampq://u:hunter2@h"
                .parse::<BrokerUrl>()
                .unwrap_err()
                .to_string(),
        ];
        for text in texts {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
