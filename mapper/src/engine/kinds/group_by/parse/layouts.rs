//! The columns of services' logs, as their makers document them.

use super::columns::{Derived, Part};

/// A log whose columns stand between blanks.
#[derive(Debug)]
pub(super) struct Layout {
    /// As it is typed.
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) derived: &'static [Derived],
    /// So many columns a line has at least: makers add to the end.
    pub(super) least: usize,
    /// And at most, where makers do not add.
    pub(super) most: usize,
}

impl Layout {
    /// All fields.
    pub(super) fn field_names(&self) -> Vec<String> {
        let derived = self.derived.iter().map(|(name, ..)| name);
        let all = self.columns.iter().chain(derived);
        all.map(|name| (*name).to_owned()).collect()
    }
}

/// The parts of a request line.
pub(super) const REQUEST: [Derived; 3] = [
    ("method", "request", Part::Method),
    ("url", "request", Part::Url),
    ("protocol", "request", Part::Protocol),
];

const LOAD_BALANCER: [Derived; 7] = [
    ("client", "client:port", Part::Address),
    ("client_port", "client:port", Part::Port),
    ("target", "target:port", Part::Address),
    ("target_port", "target:port", Part::Port),
    REQUEST[0],
    REQUEST[1],
    REQUEST[2],
];

/// All of them.
pub(super) const SPACED: [Layout; 5] = [
    Layout {
        name: "alb",
        columns: &[
            "type",
            "time",
            "elb",
            "client:port",
            "target:port",
            "request_processing_time",
            "target_processing_time",
            "response_processing_time",
            "elb_status_code",
            "target_status_code",
            "received_bytes",
            "sent_bytes",
            "request",
            "user_agent",
            "ssl_cipher",
            "ssl_protocol",
            "target_group_arn",
            "trace_id",
            "domain_name",
            "chosen_cert_arn",
            "matched_rule_priority",
            "request_creation_time",
            "actions_executed",
            "redirect_url",
            "error_reason",
            "target:port_list",
            "target_status_code_list",
            "classification",
            "classification_reason",
            "conn_trace_id",
        ],
        derived: &LOAD_BALANCER,
        least: 17,
        most: usize::MAX,
    },
    Layout {
        name: "elb",
        columns: &[
            "time",
            "elb",
            "client:port",
            "backend:port",
            "request_processing_time",
            "backend_processing_time",
            "response_processing_time",
            "elb_status_code",
            "backend_status_code",
            "received_bytes",
            "sent_bytes",
            "request",
            "user_agent",
            "ssl_cipher",
            "ssl_protocol",
        ],
        derived: &[
            ("client", "client:port", Part::Address),
            ("client_port", "client:port", Part::Port),
            ("backend", "backend:port", Part::Address),
            ("backend_port", "backend:port", Part::Port),
            REQUEST[0],
            REQUEST[1],
            REQUEST[2],
        ],
        least: 12,
        most: 15,
    },
    Layout {
        name: "s3",
        columns: &[
            "bucket_owner",
            "bucket",
            "time",
            "remote_ip",
            "requester",
            "request_id",
            "operation",
            "key",
            "request",
            "http_status",
            "error_code",
            "bytes_sent",
            "object_size",
            "total_time",
            "turn_around_time",
            "referer",
            "user_agent",
            "version_id",
            "host_id",
            "signature_version",
            "cipher_suite",
            "authentication_type",
            "host_header",
            "tls_version",
            "access_point_arn",
            "acl_required",
            "source_region",
        ],
        derived: &REQUEST,
        least: 17,
        most: 27,
    },
    Layout {
        name: "squid",
        columns: &[
            "time",
            "elapsed",
            "client",
            "result/status",
            "bytes",
            "method",
            "url",
            "user",
            "hierarchy/peer",
            "type",
        ],
        derived: &[
            ("result", "result/status", Part::BeforeSlash),
            ("status", "result/status", Part::AfterSlash),
            ("hierarchy", "hierarchy/peer", Part::BeforeSlash),
            ("peer", "hierarchy/peer", Part::AfterSlash),
        ],
        least: 10,
        most: usize::MAX,
    },
    Layout {
        name: "traefik",
        columns: &[
            "host",
            "ident",
            "user",
            "time",
            "request",
            "status",
            "bytes",
            "referer",
            "agent",
            "requests",
            "router",
            "server_url",
            "duration",
        ],
        derived: &REQUEST,
        least: 13,
        most: 13,
    },
];
