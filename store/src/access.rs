//! Whose credentials sign requests to a bucket, and where its server is.

use std::time::Duration;

use gristmill_input::ObjectError;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer};
use object_store::azure::{AzureAuthorizer, AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{ClientConfigKey, HttpRequest};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use parking_lot::RwLock;

use crate::environment::Environment;
use crate::error::{Failure, causes};
use crate::profile;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// How long credentials are asked for.
const CREDENTIALS: Duration = Duration::from_secs(4);
/// Where Google's store is.
const GOOGLE: &str = "https://storage.googleapis.com";
/// The account that Azure's emulator begins with.
const EMULATED: &str = "devstoreaccount1";

/// Stands in a bucket's URL for its region, which may turn out to be another.
pub(crate) const REGION: &str = "-region-";

/// What signs requests.
pub(crate) enum Access {
    /// Nothing: a web server.
    Open,
    S3 {
        store: AmazonS3,
        /// Where the bucket is, as far as it is known.
        region: RwLock<String>,
        /// Requests are not signed: a public bucket.
        anonymous: bool,
    },
    Google {
        store: GoogleCloudStorage,
        anonymous: bool,
    },
    Azure {
        store: MicrosoftAzure,
        account: String,
        anonymous: bool,
    },
}

/// A way to a bucket: what signs, and the URL that keys are appended to.
pub(crate) type Way = (Access, String, ClientOptions);

impl Access {
    /// Signs a request.
    ///
    /// # Errors
    /// When there are no credentials.
    pub(crate) async fn sign(&self, request: &mut HttpRequest) -> Result<(), Failure> {
        match self {
            Access::Open => {}
            Access::S3 {
                store,
                region,
                anonymous: false,
            } => {
                let asked = store.credentials().get_credential();
                let credential = asked
                    .await
                    .map_err(|error| no_credentials(&error, S3_WAYS))?;
                let region = region.read().clone();
                let signed =
                    AwsAuthorizer::new(&credential, "s3", &region).try_authorize(request, None);
                signed.map_err(|error| Failure::fatal(causes(&error)))?;
            }
            Access::Google {
                store,
                anonymous: false,
            } => {
                let asked = store.credentials().get_credential();
                let credential = asked
                    .await
                    .map_err(|error| no_credentials(&error, GOOGLE_WAYS))?;
                let mut bearer = HeaderValue::from_str(&format!("Bearer {}", credential.bearer))
                    .map_err(|_| Failure::fatal("the credentials are no text"))?;
                bearer.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, bearer);
            }
            Access::Azure {
                store,
                account,
                anonymous: false,
            } => {
                let asked = store.credentials().get_credential();
                let credential = asked
                    .await
                    .map_err(|error| no_credentials(&error, AZURE_WAYS))?;
                let signed = AzureAuthorizer::new(&credential, account).try_authorize(request);
                signed.map_err(|error| Failure::fatal(causes(&error)))?;
            }
            Access::S3 { .. } | Access::Google { .. } | Access::Azure { .. } => {}
        }
        Ok(())
    }

    /// The region that requests are signed for.
    pub(crate) fn region(&self) -> Option<String> {
        match self {
            Access::S3 { region, .. } => Some(region.read().clone()),
            _ => None,
        }
    }

    /// The bucket was found to be in another region.
    pub(crate) fn is_in(&self, found: String) {
        if let Access::S3 { region, .. } = self {
            *region.write() = found;
        }
    }
}

/// Where credentials come from, for people who have none.
const S3_WAYS: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a public \
                       bucket, AWS_SKIP_SIGNATURE=true";
const GOOGLE_WAYS: &str = "set GOOGLE_APPLICATION_CREDENTIALS to a key file; for a public bucket, \
                           GOOGLE_SKIP_SIGNATURE=true";

const AZURE_WAYS: &str = "set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; for a public \
                          container, AZURE_SKIP_SIGNATURE=true";

fn no_credentials(error: &object_store::Error, ways: &str) -> Failure {
    let why = causes(error);
    let why = why
        .split("http")
        .next()
        .unwrap_or_default()
        .trim_end_matches([' ', ':', '(']);
    Failure::fatal(format!("no credentials: {ways} (asked for them: {why})"))
}

/// The way to a bucket of S3, as the environment and the profile say.
///
/// # Errors
/// What of them makes no sense.
pub(crate) fn s3(bucket: &str, environment: &Environment) -> Result<Way, ObjectError> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    for (key, value) in environment.settings("AWS_") {
        builder = builder.with_config(key, value);
    }
    let profile = profile::read(environment)?;
    let known = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    let web_identity = known(&builder, AmazonS3ConfigKey::WebIdentityTokenFile);
    if !known(&builder, AmazonS3ConfigKey::AccessKeyId) && !web_identity {
        for (key, value) in profile.credentials() {
            builder = builder.with_config(key, value);
        }
    }
    let region = (environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
        .or(profile.region.clone())
        .unwrap_or_else(|| "us-east-1".into());
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let endpoint = environment.first(&endpoint).or(profile.endpoint.clone());
    let virtual_hosted =
        is_true(builder.get_config_value(&AmazonS3ConfigKey::VirtualHostedStyleRequest));
    let base = match (&endpoint, virtual_hosted) {
        (Some(endpoint), true) => endpoint.trim_end_matches('/').to_owned(),
        (Some(endpoint), false) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        (None, true) => format!("https://{bucket}.s3.{REGION}.amazonaws.com"),
        (None, false) => format!("https://s3.{REGION}.amazonaws.com/{bucket}"),
    };
    let base = address(&base)?;
    let options = options(base.starts_with("http://"));
    let anonymous = is_true(builder.get_config_value(&AmazonS3ConfigKey::SkipSignature));
    let store = builder
        .with_region(&region)
        .with_client_options(options.clone())
        .with_retry(retries())
        .build()
        .map_err(|error| ObjectError::Failed(causes(&error)))?;
    let access = Access::S3 {
        store,
        region: RwLock::new(region),
        anonymous,
    };
    Ok((access, base, options))
}

/// The way to a bucket of Google's store.
///
/// # Errors
/// What of the environment makes no sense.
pub(crate) fn google(bucket: &str, environment: &Environment) -> Result<Way, ObjectError> {
    let endpoint = environment.get("GOOGLE_BASE_URL").unwrap_or(GOOGLE);
    let base = address(&format!("{}/{bucket}", endpoint.trim_end_matches('/')))?;
    let options = options(base.starts_with("http://"));
    let mut builder = GoogleCloudStorageBuilder::new();
    for (key, value) in environment.settings("GOOGLE_") {
        builder = builder.with_config(key, value);
    }
    let anonymous = is_true(builder.get_config_value(&GoogleConfigKey::SkipSignature));
    let store = builder
        .with_bucket_name(bucket)
        .with_client_options(options.clone())
        .with_retry(retries())
        .build()
        .map_err(|error| ObjectError::Failed(causes(&error)))?;
    Ok((Access::Google { store, anonymous }, base, options))
}

/// The way to a container of Azure's store.
///
/// # Errors
/// What of the environment makes no sense.
pub(crate) fn azure(container: &str, environment: &Environment) -> Result<Way, ObjectError> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (key, value) in environment.settings("AZURE_") {
        builder = builder.with_config(key, value);
    }
    let set = |key| builder.get_config_value(&key);
    let emulator = is_true(set(AzureConfigKey::UseEmulator));
    let account = match set(AzureConfigKey::AccountName) {
        Some(account) => account,
        None if emulator => EMULATED.into(),
        None => {
            let reason = "whose account? set AZURE_STORAGE_ACCOUNT_NAME";
            return Err(ObjectError::Failed(reason.into()));
        }
    };
    let endpoint = match (set(AzureConfigKey::Endpoint), emulator) {
        (Some(endpoint), _) => endpoint.trim_end_matches('/').to_owned(),
        (None, false) => format!("https://{account}.blob.core.windows.net"),
        (None, true) => {
            let emulator = environment.get("AZURITE_BLOB_STORAGE_URL");
            format!("{}/{account}", emulator.unwrap_or("http://127.0.0.1:10000"))
        }
    };
    let base = address(&format!("{endpoint}/{container}"))?;
    let options = options(base.starts_with("http://"));
    let anonymous = is_true(set(AzureConfigKey::SkipSignature));
    let store = builder
        .with_account(&account)
        .with_container_name(container)
        .with_client_options(options.clone())
        .with_retry(retries())
        .build()
        .map_err(|error| ObjectError::Failed(causes(&error)))?;
    let access = Access::Azure {
        store,
        account,
        anonymous,
    };
    Ok((access, base, options))
}

/// The way to a web server.
pub(crate) fn web(place: &str) -> Way {
    let options = options(place.starts_with("http://"));
    (Access::Open, place.to_owned(), options)
}

/// An endpoint's address, checked: it holds no password, and is one of a web server.
fn address(base: &str) -> Result<String, ObjectError> {
    let bad = |what: &str| {
        Err(ObjectError::Failed(format!(
            "the endpoint of the environment {what}"
        )))
    };
    match url::Url::parse(base) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => bad("is none of http or https"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            bad("holds a user or a password")
        }
        Ok(_) => Ok(base.to_owned()),
        Err(_) => bad("is no URL"),
    }
}

fn options(plain: bool) -> ClientOptions {
    let agent = concat!("gristmill/", env!("CARGO_PKG_VERSION"));
    ClientOptions::new()
        .with_config(ClientConfigKey::UserAgent, agent)
        .with_allow_http(plain)
        .with_connect_timeout(CONNECT)
        .with_read_timeout(SILENCE)
        .with_timeout_disabled()
}

/// How credentials are asked for.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 2,
        retry_timeout: CREDENTIALS,
    }
}

fn is_true(value: Option<String>) -> bool {
    matches!(value.as_deref(), Some("true" | "1" | "yes" | "on"))
}
