//! Whether the broker is in alarm, for a process that has nothing to publish.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, BasicQosOptions};

use super::Broker;
use super::connection::unless_closed;

/// A queue that does not exist: what is published to it is dropped.
const NOBODY: &str = "gristmill.nobody";
/// How often the connection's state is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long the broker may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

impl Broker {
    /// Why the broker takes no messages, if it is in alarm.
    ///
    /// A broker tells of its alarms only those connections that publish, so this publishes a
    /// message to nobody. Then either what comes after it on the channel is answered, or the alarm
    /// is told. A broker that is gone is not in alarm.
    pub async fn alarm(&self) -> Option<String> {
        let told = async {
            loop {
                if let Some(reason) = self.health().blocked {
                    return Some(reason);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            biased;
            reason = told => reason,
            () = self.publish_to_nobody() => self.health().blocked,
            () = tokio::time::sleep(LIMIT) => None,
        }
    }

    async fn publish_to_nobody(&self) {
        let Some(session) = self.inner.publish.clone().session().await else {
            return;
        };
        let Ok(channel) = session.connection.create_channel().await else {
            return;
        };
        let asking = async {
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            channel
                .basic_publish("".into(), NOBODY.into(), options, &[], properties)
                .await?;
            channel.basic_qos(1, BasicQosOptions::default()).await
        };
        let _ = unless_closed(&channel, asking).await;
        let _ = unless_closed(&channel, channel.close(200, "done".into())).await;
    }
}
