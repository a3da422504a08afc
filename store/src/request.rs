//! One request to a bucket: signed, sent, and its answer judged.

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderName, Method, StatusCode};
use object_store::client::{HttpRequestBody, HttpResponse};

use crate::bucket::Bucket;
use crate::error::Failure;
use crate::url::Scheme;

/// The longest answer that is taken into memory whole, in bytes: a page of a listing.
const LONGEST: usize = 16 << 20;

impl Bucket {
    /// Sends one request, once.
    ///
    /// # Errors
    /// When there is no answer, or none of success.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<HttpResponse, Failure> {
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if self.scheme() == Scheme::Google {
            // Else it unpacks what is stored as gzip, and its length is another.
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        let mut request = request
            .body(HttpRequestBody::from(body))
            .map_err(|_| Failure::fatal("its name makes no request"))?;
        self.access.sign(&mut request).await?;
        let answer = self.client.execute(request).await;
        let answer = answer.map_err(|error| Failure::of_transport(&error))?;
        let status = answer.status();
        if status.is_success() {
            self.answers();
            return Ok(answer);
        }
        // A server that is only ever busy may not be there at all.
        if status != StatusCode::SERVICE_UNAVAILABLE {
            self.answers();
        }
        let region = self.access.region();
        Err(Failure::of_answer(answer, region.as_deref()).await)
    }

    /// The body of an answer, whole.
    ///
    /// # Errors
    /// When it breaks off or is too long.
    pub(crate) async fn body(answer: HttpResponse) -> Result<Bytes, Failure> {
        let length = answer.headers().get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > LONGEST) {
            return Err(Failure::fatal("the store's answer is too long"));
        }
        let mut stream = answer.into_body().bytes_stream();
        let mut body = Vec::new();
        while let Some(bytes) = futures_util::StreamExt::next(&mut stream).await {
            body.extend_from_slice(&bytes.map_err(|error| Failure::of_transport(&error))?);
            if body.len() > LONGEST {
                return Err(Failure::fatal("the store's answer is too long"));
            }
        }
        Ok(body.into())
    }
}
