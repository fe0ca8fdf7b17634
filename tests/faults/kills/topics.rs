//! Topics that come and go while the broker dies: what was acknowledged as created is there,
//! what was acknowledged as deleted is not.

use crate::random::Random;
use crate::wire_client::{WireClient, batch_of};
use pinion::wire::ErrorCode;
use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

/// Names that are used again and again.
const NAMES: u64 = 6;

/// What is known of each topic.
#[derive(Debug, Default)]
pub struct Topics {
    known: Mutex<BTreeMap<String, State>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Exists,
    Gone,
    /// A creation or deletion was not answered.
    Unknown,
}

impl Topics {
    /// Creates and deletes topics until the connection breaks. A new topic is always empty.
    pub fn churn(&self, bootstrap: &str, random: &mut Random) -> io::Result<()> {
        let mut client = WireClient::try_connect(bootstrap)?;
        loop {
            let name = format!("churn-{}", random.below(NAMES));
            let before = self.note(&name, State::Unknown);
            let create = random.once_in(2);
            let error = if create {
                client.try_create(&name, random.between(1, 3) as i32)?
            } else {
                client.try_delete(&name)?
            };
            let after = if create { State::Exists } else { State::Gone };
            let expected = match before {
                Some(State::Unknown) => None,
                before => Some(before.unwrap_or(State::Gone) != after),
            };
            let changed = match error {
                ErrorCode::None => true,
                ErrorCode::TopicAlreadyExists if create => false,
                ErrorCode::UnknownTopicOrPartition if !create => false,
                error => panic!("{name}, create {create}: {error}"),
            };
            assert!(expected.is_none_or(|e| e == changed), "{name} was {before:?}: {error}");
            self.note(&name, after);
            if create && changed {
                let produced = client.try_produce((&name, 0), &batch_of(&["first"]), -1)?;
                if produced.error == ErrorCode::NotLeaderOrFollower {
                    return Err(io::ErrorKind::Other.into());
                }
                let seen = (produced.error, produced.base_offset);
                assert_eq!(seen, (ErrorCode::None, 0), "a new topic is empty");
            }
        }
    }

    fn note(&self, name: &str, state: State) -> Option<State> {
        self.known.lock().expect("no client panicked").insert(name.to_owned(), state)
    }

    /// Compares with what the broker has.
    pub fn check(&self, client: &mut WireClient) {
        let there = client.topic_names();
        for (name, state) in self.known.lock().expect("no client panicked").iter_mut() {
            let is_there = there.contains(name);
            match state {
                State::Exists => assert!(is_there, "{name} was created, and is gone"),
                State::Gone => assert!(!is_there, "{name} was deleted, and is there"),
                State::Unknown => {}
            }
            *state = if is_there { State::Exists } else { State::Gone };
        }
    }
}
