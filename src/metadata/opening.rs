//! Start-up: a data directory becomes a metadata log, and the broker a started one.

use super::meta_properties::{META_PROPERTIES, MetaProperties};
use super::recovery::{LOG_NAME, METADATA_DIRECTORY};
use super::{Change, MetadataLog, RecoveryReport, StartError, StaticConfig};
use crate::base::{BrokerId, TopicId};
use crate::io::{Io, Startup};
use std::path::Path;
use std::sync::Arc;

/// Who opens a data directory.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// The data directory, which exists and which no other process uses.
    pub data_directory: &'a Path,
    /// The broker's `node.id`.
    pub node_id: BrokerId,
    /// What the broker is started with.
    pub static_config: Arc<StaticConfig>,
    /// Random bits, for the ids of a new cluster and a new directory.
    pub random: [u64; 4],
}

/// Opens the metadata of a data directory, or begins it, and commits that the broker has started.
/// The image is then [`MetadataLog::committed`].
///
/// # Errors
/// If the directory is another broker's, the disk fails, or the metadata is damaged.
pub fn open<I: Io>(
    startup: &mut Startup<'_, I>,
    opening: &Opening<'_>,
) -> Result<(MetadataLog, RecoveryReport), StartError> {
    let data_directory = opening.data_directory;
    let path = data_directory.join(META_PROPERTIES);
    let properties = read_properties(startup, &path)?;
    if let Some(properties) = &properties
        && properties.node_id != opening.node_id
    {
        return Err(StartError::ForeignDirectory {
            path,
            found: format!("node.id {}", properties.node_id),
            expected: format!("node.id {}", opening.node_id),
        });
    }
    let static_config = opening.static_config.clone();
    let (mut log, report) = MetadataLog::recover(startup, data_directory, static_config)?;
    let is_new = log.committed().version == 0;
    let log_path = data_directory.join(METADATA_DIRECTORY).join(LOG_NAME);
    if let Some(properties) = &properties {
        if is_new {
            return Err(StartError::Missing { path: log_path, witness: path });
        }
        if *properties.cluster_id != *log.committed().cluster_id {
            return Err(StartError::ForeignDirectory {
                path,
                found: format!("cluster.id {}", properties.cluster_id),
                expected: format!(
                    "cluster.id {}, as in {METADATA_DIRECTORY}",
                    log.committed().cluster_id
                ),
            });
        }
    }
    let [cluster_high, cluster_low, directory_high, directory_low] = opening.random;
    let mut changes = Vec::new();
    if is_new {
        let cluster_id = id_text(cluster_high, cluster_low).into();
        changes.push(Change::ClusterCreated { cluster_id });
    }
    changes.push(Change::BrokerStarted);
    log.commit_now(startup, changes).map_err(StartError::io(&log_path))?;
    if properties.is_none() {
        let properties = MetaProperties {
            cluster_id: log.committed().cluster_id.to_string(),
            node_id: opening.node_id,
            directory_id: Some(id_text(directory_high, directory_low)),
        };
        let text = properties.render();
        startup.replace_file(&path, text.as_bytes()).map_err(StartError::io(&path))?;
    }
    Ok((log, report))
}

fn read_properties<I: Io>(
    startup: &mut Startup<'_, I>,
    path: &Path,
) -> Result<Option<MetaProperties>, StartError> {
    let bytes = startup.read_file(path).map_err(StartError::io(path))?;
    let parse = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        MetaProperties::parse(&text)
    };
    bytes
        .map(parse)
        .transpose()
        .map_err(|reason| StartError::Properties { path: path.to_owned(), reason })
}

/// A random id in Kafka's form. Never begins with a hyphen, which command lines take for an
/// option.
fn id_text(high: u64, low: u64) -> String {
    let high = if high >> 58 == 62 { high & !(1 << 63) } else { high };
    TopicId::from_random(high, low).to_string()
}
