//! The dashboard's HTTP server: the page, its events and the reports of finished jobs.

use std::path::PathBuf;
use std::sync::Arc;

use gristmill_common::job::JobName;
use http_body_util::channel::Channel;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::access::Access;
use crate::commands::report as page;
use crate::http;
use crate::watch::{View, output_of};

/// Viewers that are served at a time; more wait.
const CONNECTIONS: usize = 256;
/// What is sent for the page: nothing from elsewhere, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A report has a policy of its own, in the page.
const REPORT_POLICY: &str = "frame-ancestors 'none'";

type Answer = Response<Either<Full<Bytes>, Channel<Bytes>>>;

/// Serves the dashboard.
pub struct Server {
    access: Access,
    results: Option<PathBuf>,
    views: watch::Receiver<View>,
    /// A report reads the whole result: one at a time.
    reporting: Semaphore,
}

impl Server {
    /// Serves what was seen last to whom `access` permits, and the reports of finished jobs that
    /// lie in `results`.
    #[must_use]
    pub fn new(access: Access, results: Option<PathBuf>, views: watch::Receiver<View>) -> Self {
        Self {
            access,
            results,
            views,
            reporting: Semaphore::new(1),
        }
    }

    /// Answers until the runtime ends.
    pub async fn run(self, listener: TcpListener) {
        let server = Arc::new(self);
        http::serve(listener, CONNECTIONS, move |request| {
            let server = Arc::clone(&server);
            async move { server.answer(&request).await }
        })
        .await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        if request.method() != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        let needs_token = matches!(self.access, Access::Token(_));
        let path = request.uri().path();
        // The page and its files hold no data: with a token, the page is where one types it.
        if !needs_token && !self.access.permits(request.headers()) {
            return text(
                StatusCode::FORBIDDEN,
                "ask for localhost, 127.0.0.1 or [::1]; other names need --token-file\n",
            );
        }
        match path {
            "/" => file("text/html; charset=utf-8", include_str!("page.html")),
            "/page.css" => file("text/css; charset=utf-8", include_str!("page.css")),
            "/page.js" => file("text/javascript; charset=utf-8", include_str!("page.js")),
            "/livez" => text(StatusCode::OK, "alive\n"),
            _ if !self.access.permits(request.headers()) => {
                text(StatusCode::UNAUTHORIZED, "Authorization: Bearer TOKEN\n")
            }
            "/events" => self.events(),
            "/view" => {
                let view = self.views.borrow().json();
                reply(StatusCode::OK, "application/json", POLICY, view)
            }
            _ => match path.strip_prefix("/reports/").map(str::parse::<JobName>) {
                Some(Ok(job)) => self.report(&job).await,
                _ => text(StatusCode::NOT_FOUND, "no such page\n"),
            },
        }
    }

    /// The latest view now, and each later one when there is one (server-sent events, WHATWG HTML).
    fn events(&self) -> Answer {
        let (mut sender, body) = Channel::new(1);
        let mut views = self.views.clone();
        views.mark_changed();
        tokio::spawn(async move {
            while views.changed().await.is_ok() {
                let event = views.borrow_and_update().event();
                // Waits while the viewer does not read; then the newest view is next.
                if sender.send_data(event).await.is_err() {
                    return;
                }
            }
        });
        let mut answer = Response::new(Either::Right(body));
        headers(&mut answer, "text/event-stream", POLICY);
        answer
    }

    async fn report(&self, job: &JobName) -> Answer {
        let Some(results) = &self.results else {
            return text(StatusCode::NOT_FOUND, "reports need --results DIR\n");
        };
        let folder = output_of(results, job);
        let Ok(_turn) = self.reporting.acquire().await else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
        };
        let made = tokio::task::spawn_blocking(move || page::of_folder(&folder, None)).await;
        match made {
            Ok(Ok(report)) => {
                let kind = "text/html; charset=utf-8";
                reply(StatusCode::OK, kind, REPORT_POLICY, report.html)
            }
            Ok(Err(error)) => text(StatusCode::NOT_FOUND, format!("{error}\n")),
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the report failed\n"),
        }
    }
}

fn file(kind: &'static str, content: &'static str) -> Answer {
    reply(StatusCode::OK, kind, POLICY, content)
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    reply(status, "text/plain; charset=utf-8", POLICY, body)
}

fn reply(
    status: StatusCode,
    kind: &'static str,
    policy: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    *answer.status_mut() = status;
    headers(&mut answer, kind, policy);
    answer
}

fn headers(answer: &mut Answer, kind: &'static str, policy: &'static str) {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
}
