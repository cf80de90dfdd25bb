//! Files that are whole or not there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::CertsFault;

/// For private keys: the owner alone.
pub(crate) const SECRET: u32 = 0o600;
/// For certificates and lists, which everybody may read.
pub(crate) const PUBLIC: u32 = 0o644;

/// Makes a folder that only its owner may enter, if it is not there yet.
pub(crate) fn make_folder(path: &Path) -> Result<(), CertsFault> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(CertsFault::disk(path))
}

/// Writes a file that must not exist yet. A hard link, unlike a rename, fails if the name is taken, and is atomic.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CertsFault> {
    let staged = stage(path, bytes, mode)?;
    let linked = fs::hard_link(&staged, path);
    let removed = fs::remove_file(&staged);
    match linked {
        Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => return Err(CertsFault::Exists(path.to_owned())),
        linked => linked.map_err(CertsFault::disk(path))?,
    }
    removed.map_err(CertsFault::disk(&staged))?;
    sync_folder(path)
}

/// Writes a file in place of the one of this name.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CertsFault> {
    let staged = stage(path, bytes, mode)?;
    fs::rename(&staged, path).map_err(CertsFault::disk(path))?;
    sync_folder(path)
}

/// Reads a file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, CertsFault> {
    let file = File::open(path).map_err(CertsFault::disk(path))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(CertsFault::disk(path))?;
    if bytes.len() as u64 > most {
        let source = std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("more than {most} bytes"));
        return Err(CertsFault::Disk { path: path.to_owned(), source });
    }
    Ok(bytes)
}

/// Makes a name durable: the folder's own entry, not only the file.
pub(crate) fn sync_folder(path: &Path) -> Result<(), CertsFault> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(CertsFault::disk(folder))
}

fn stage(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, CertsFault> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let staged = path.with_file_name(format!(".{name}.new"));
    // What a crash left under this name was never linked to a real one.
    match fs::remove_file(&staged) {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => return Err(CertsFault::Disk { path: staged, source: fault }),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&staged).map_err(CertsFault::disk(&staged))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(CertsFault::disk(&staged))?;
    Ok(staged)
}
