//! The files of the metadata in words, for tools that look into them offline.

use super::codec;
use super::frame::{FrameKind, read_frame};
use super::recovery::LOG_NAME;
use super::snapshot::SNAPSHOT_NAME;

/// A frame in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins in the file, in bytes.
    pub position: usize,
    /// The version of the image that its changes build on, or that it is.
    pub version: u64,
    /// `changes` or `snapshot`.
    pub kind: &'static str,
    /// What it holds, one thing a line.
    pub lines: Vec<String>,
}

/// Whether a file of this name in the metadata's directory is made of frames.
pub fn is_readable(name: &str) -> bool {
    name == LOG_NAME || name == SNAPSHOT_NAME
}

/// The frames of a file, up to the first that is torn or damaged: the error says which.
pub fn frames(file: &[u8]) -> Vec<Result<Frame, String>> {
    let mut frames = Vec::new();
    let mut position = 0;
    while position < file.len() {
        match frame(file, position) {
            Ok((frame, length)) => {
                frames.push(Ok(frame));
                position += length;
            }
            Err(fault) => {
                frames.push(Err(format!("at {position}: {fault}")));
                break;
            }
        }
    }
    frames
}

fn frame(file: &[u8], position: usize) -> Result<(Frame, usize), String> {
    let frame = read_frame(file, position).map_err(|fault| fault.to_string())?;
    let (kind, lines) = match frame.kind {
        FrameKind::Changes => {
            let changes = codec::decode_changes(frame.body).map_err(|error| error.to_string())?;
            ("changes", changes.iter().map(|change| format!("{change:?}")).collect())
        }
        FrameKind::Snapshot => ("snapshot", snapshot(frame.body)?),
    };
    Ok((Frame { position, version: frame.version, kind, lines }, frame.length))
}

fn snapshot(body: &[u8]) -> Result<Vec<String>, String> {
    let state = codec::decode_state(body).map_err(|error| error.to_string())?;
    let cluster = format!(
        "cluster: {} starts: {} next ordinal: {} next producer id: {}",
        state.cluster_id, state.incarnation, state.next_ordinal, state.next_producer_id
    );
    let line = |whose: &str, (key, value): (&String, &String)| format!("{whose} {key}={value}");
    let configs = state.broker_configs.iter().map(|config| line("broker:", config));
    let defaults = state.cluster_configs.iter().map(|config| line("all brokers:", config));
    let topics = state.topics.iter().map(|topic| format!("{topic:?}"));
    Ok(std::iter::once(cluster).chain(configs).chain(defaults).chain(topics).collect())
}

#[cfg(test)]
mod tests {
    use super::super::frame::write_frame;
    use super::*;
    use crate::base::ProducerId;
    use crate::metadata::Change;

    /// Goal: whole frames are told, and the place of the first that is not.
    #[test]
    fn tells_frames_up_to_the_damage() {
        let change = [Change::ProducerIdsAllocated { next: ProducerId(1000) }];
        let mut file = Vec::new();
        for version in [4, 5] {
            write_frame(FrameKind::Changes, version, &mut file, |body| {
                codec::encode_changes(&change, body);
            });
        }
        let second = file.len() / 2;
        let whole = frames(&file);
        let told: Vec<_> = whole.iter().flatten().map(|f| (f.position, f.version)).collect();
        assert_eq!(told, [(0, 4), (second, 5)]);
        assert!(whole[0].as_ref().unwrap().lines[0].contains("1000"));

        file[second + 30] ^= 1;
        let damaged = frames(&file);
        assert_eq!(damaged.len(), 2);
        assert!(damaged[1].as_ref().unwrap_err().starts_with(&format!("at {second}: ")));
    }
}
