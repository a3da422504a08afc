//! Listing a bucket, page by page.

use bytes::Bytes;
use gristmill_input::ObjectError;
use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::bucket::Bucket;
use crate::error::Failure;
use crate::tries::Tries;

/// One object of a listing.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) version: String,
}

/// One page, as S3's and Google's stores write it (ListObjectsV2).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    contents: Vec<Entry>,
    is_truncated: bool,
    next_continuation_token: Option<String>,
    encoding_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    size: u64,
    #[serde(rename = "ETag", default)]
    e_tag: String,
    #[serde(default)]
    last_modified: String,
}

/// Calls `take` for each object whose key begins with `prefix`, in the store's order.
///
/// # Errors
/// When the bucket cannot be listed.
pub(crate) async fn list(
    bucket: &Bucket,
    prefix: &str,
    take: &mut dyn FnMut(Listed),
) -> Result<(), ObjectError> {
    let mut token: Option<String> = None;
    loop {
        let mut query = vec![
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("prefix", prefix),
        ];
        if let Some(token) = &token {
            query.insert(0, ("continuation-token", token));
        }
        let page = page(bucket, &query).await?;
        let encoded = page.encoding_type.as_deref() == Some("url");
        for entry in page.contents {
            let version = match entry.e_tag.is_empty() {
                true => entry.last_modified,
                false => entry.e_tag,
            };
            let key = match encoded {
                true => decoded(&entry.key)?,
                false => entry.key,
            };
            take(Listed {
                key,
                size: entry.size,
                version,
            });
        }
        match page.next_continuation_token {
            Some(next) if page.is_truncated && Some(&next) != token.as_ref() => token = Some(next),
            None if !page.is_truncated => return Ok(()),
            Some(_) if !page.is_truncated => return Ok(()),
            _ => {
                let reason = "the store's listing does not say how it goes on";
                return Err(ObjectError::Failed(reason.into()));
            }
        }
    }
}

async fn page(bucket: &Bucket, query: &[(&str, &str)]) -> Result<Page, ObjectError> {
    let mut tries = Tries::new(bucket);
    loop {
        match ask(bucket, &bucket.url_with(query)).await {
            Ok(page) => return Ok(page),
            Err(failure) => tries.again(failure).await?,
        }
    }
}

async fn ask(bucket: &Bucket, url: &str) -> Result<Page, Failure> {
    let answer = bucket.send(Method::GET, url, &[], Bytes::new()).await?;
    let body = Bucket::body(answer).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Failure::passing(NO_LISTING))?;
    quick_xml::de::from_str(text).map_err(|_| Failure::passing(NO_LISTING))
}

const NO_LISTING: &str = "the store's answer is no listing";

/// A key of a listing that was asked for encoded: as a form is, with + for a space.
fn decoded(key: &str) -> Result<String, ObjectError> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| ObjectError::Failed("a key of it is not UTF-8".into()))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_are() {
        assert_eq!(decoded("a%0Ab+c%2B%C3%A4//%2E./").unwrap(), "a\nb c+ä//../");
        assert!(decoded("%FF").is_err());
        let text = "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>\
            <Contents><Key>a</Key><ETag>&quot;1&quot;</ETag><Size>3</Size></Contents>\
            <Contents><Size>0</Size><Key>b</Key></Contents></ListBucketResult>";
        let page: Page = quick_xml::de::from_str(text).unwrap();
        assert_eq!(page.contents[0].e_tag, "\"1\"");
        assert_eq!((&page.contents[1].key[..], page.contents[1].size), ("b", 0));
        let page: Page = quick_xml::de::from_str("<ListBucketResult/>").unwrap();
        assert!(page.contents.is_empty() && !page.is_truncated);
    }
}
