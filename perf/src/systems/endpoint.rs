//! Any broker that speaks Kafka's protocol and runs already, wherever that is.

use super::{Running, Setting, System};
use crate::drivers::kafka::KafkaBroker;
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::{Error, Result};

/// A Kafka endpoint; its address is in [`Setting::endpoints`].
#[derive(Debug)]
pub struct KafkaEndpoint;

/// Its name there.
pub const NAME: &str = "endpoint";

impl System for KafkaEndpoint {
    fn name(&self) -> &'static str {
        NAME
    }

    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::PageCache, Durability::Fsync]
    }

    fn install(&self, _: &Setting) -> Result<String> {
        Err(Error::Install("an endpoint runs already".to_owned()))
    }

    fn start(&self, _: &Setting, _: Durability) -> Result<Running> {
        Err(Error::Start("an endpoint runs already".to_owned()))
    }

    fn connect(&self, _: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        let broker = KafkaBroker::new(address.to_owned());
        if !broker.answers() {
            let reason = format!("{address} does not answer a Metadata request; is it a broker?");
            return Err(Error::Start(reason));
        }
        Ok(Box::new(broker))
    }

    fn client(&self, kafka: KafkaClient) -> &'static str {
        kafka.name()
    }

    fn settings(&self, _: Durability) -> String {
        "those of the endpoint".to_owned()
    }
}
