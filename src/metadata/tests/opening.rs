//! A data directory belongs to one broker of one cluster.

use super::memory_disk::MemoryDisk;
use super::*;
use crate::io::Startup;
use crate::metadata::{MetadataLog, Opening, StartError, open};
use std::path::Path;

fn start(disk: &mut MemoryDisk, node_id: i32) -> Result<MetadataLog, StartError> {
    let opening = Opening {
        data_directory: Path::new("/d"),
        node_id: BrokerId(node_id),
        static_config: Arc::default(),
        // The first six bits would make a hyphen.
        random: [62 << 58, 2, 3, 4],
    };
    open(&mut Startup::new(disk), &opening).map(|(log, _)| log)
}

/// Goal: the first start makes a cluster, later ones find it and count on.
#[test]
fn later_starts_find_the_cluster() {
    let mut disk = MemoryDisk::default();
    let first = start(&mut disk, 1).unwrap().committed().clone();
    assert_eq!(first.incarnation, 1);
    assert_eq!(first.cluster_id.len(), 22);
    assert!(!first.cluster_id.starts_with('-'));
    let second = start(&mut disk, 1).unwrap().committed().clone();
    assert_eq!((second.incarnation, second.leader_epoch().0), (2, 2));
    assert_eq!(second.cluster_id, first.cluster_id);
    let properties = String::from_utf8(disk.bytes("/d/meta.properties").clone()).unwrap();
    assert!(properties.contains(&format!("cluster.id={}\n", first.cluster_id)));
    assert!(properties.contains("node.id=1\nversion=1\n"));
}

/// Goal: another broker, another cluster, or a directory that lost its metadata: refused in words
/// that say so.
#[test]
fn foreign_directories_are_refused() {
    let mut disk = MemoryDisk::default();
    start(&mut disk, 1).unwrap();
    let refusal = start(&mut disk, 2).unwrap_err().to_string();
    assert!(refusal.contains("belongs to node.id 1, not to node.id 2"), "{refusal}");

    let own = disk.bytes("/d/meta.properties").clone();
    let other = "version=1\nnode.id=1\ncluster.id=BBECAwQFBgcICQoLDA0ODw\n";
    *disk.bytes("/d/meta.properties") = other.into();
    let refusal = start(&mut disk, 1).unwrap_err().to_string();
    assert!(refusal.contains("belongs to cluster.id BBEC"), "{refusal}");

    *disk.bytes("/d/meta.properties") = b"version=2\n".to_vec();
    let refusal = start(&mut disk, 1).unwrap_err().to_string();
    assert!(refusal.contains("version=2 is not supported"), "{refusal}");

    *disk.bytes("/d/meta.properties") = own;
    disk.files.remove(Path::new("/d/__cluster_metadata/changes.log"));
    let refusal = start(&mut disk, 1).unwrap_err().to_string();
    assert!(refusal.contains("changes.log is missing"), "{refusal}");
}

/// Goal: a start that was killed before it wrote meta.properties is made good by the next.
#[test]
fn a_missing_meta_properties_is_written_again() {
    let mut disk = MemoryDisk::default();
    let first = start(&mut disk, 1).unwrap().committed().clone();
    disk.files.remove(Path::new("/d/meta.properties"));
    let second = start(&mut disk, 1).unwrap().committed().clone();
    assert_eq!(second.cluster_id, first.cluster_id);
    assert!(disk.files.contains_key(Path::new("/d/meta.properties")));
}
