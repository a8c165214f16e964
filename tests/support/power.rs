//! A disk that loses power: a VFS of SQLite that forwards everything to the real one and remembers,
//! for each file, what was written since the last fsync. A cut is what would be on the disk if the
//! power failed at that moment. It can also be full, or broken.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi;

/// Something that was done to a file and is not on the disk yet.
#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                to.resize(to.len().max(at + bytes.len()), 0);
                to[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Self::Truncate(len) => to.truncate(*len),
        }
    }
}

/// One file: what is on the disk, and what only the operating system knows.
#[derive(Clone, Default)]
struct Image {
    durable: Option<Vec<u8>>,
    pending: Vec<Change>,
}

/// What of the unsynced writes reaches the disk when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    /// Nothing.
    None,
    /// The first so many per cent, the last one torn.
    First(u8),
    /// Those whose bit is set: disks reorder.
    Some(u64),
}

/// The disk at one moment.
#[derive(Clone)]
pub struct Cut {
    files: BTreeMap<PathBuf, Image>,
    /// What had been reported as saved then.
    pub reported: u64,
}

impl Cut {
    /// Writes the files as they are found after the cut into `dir`.
    pub fn restore(&self, dir: &Path, luck: Luck) {
        for (path, image) in &self.files {
            let mut bytes = image.durable.clone();
            let all = image.pending.len();
            for (i, change) in image.pending.iter().enumerate() {
                let keep = match luck {
                    Luck::None => false,
                    Luck::First(percent) => i * 100 < all * usize::from(percent),
                    Luck::Some(bits) => bits.rotate_right(i as u32 % 64) & 1 == 1,
                };
                if !keep {
                    continue;
                }
                let last = (i + 1) * 100 >= all * usize::from(if let Luck::First(p) = luck { p } else { 0 });
                match change {
                    Change::Write(at, b) if last && matches!(luck, Luck::First(_)) => {
                        Change::Write(*at, b[..b.len() / 2].to_vec()).apply(bytes.get_or_insert_default());
                    }
                    change => change.apply(bytes.get_or_insert_default()),
                }
            }
            let name = path.file_name().expect("files have names");
            if let Some(bytes) = bytes {
                std::fs::write(dir.join(name), bytes).expect("writable");
            }
        }
    }
}

/// The disk under one folder.
pub struct Disk {
    dir: PathBuf,
    files: BTreeMap<PathBuf, Image>,
    /// What has been reported as saved so far; a cut remembers it.
    pub reported: u64,
    /// The cuts so far.
    pub cuts: Vec<Cut>,
    /// One in so many writes and fsyncs is preceded by a cut.
    one_in: u64,
    random: u64,
    /// Every write and fsync fails with this code of SQLite.
    pub broken: Option<c_int>,
}

impl Disk {
    /// Before a write or an fsync: perhaps the power fails here.
    fn step(&mut self) {
        self.random = next(self.random);
        if (self.random >> 33).is_multiple_of(self.one_in) {
            self.cuts.push(Cut { files: self.files.clone(), reported: self.reported });
        }
    }
}

/// The next number of a small generator.
pub fn next(x: u64) -> u64 {
    x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}

static DISKS: Mutex<Vec<Arc<Mutex<Disk>>>> = Mutex::new(Vec::new());
static REGISTER: Once = Once::new();

/// Watches every file that SQLite opens under `dir` from now on.
pub fn watch(dir: &Path, one_in: u64) -> Arc<Mutex<Disk>> {
    REGISTER.call_once(register);
    let (dir, files) = (dir.to_owned(), BTreeMap::new());
    let disk = Disk { dir, files, reported: 0, cuts: Vec::new(), one_in, random: 7, broken: None };
    let disk = Arc::new(Mutex::new(disk));
    held(&DISKS).push(Arc::clone(&disk));
    disk
}

/// Locks, whatever happened to another holder.
pub fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of ours: the methods, what is watched, and behind it in memory the file of the real VFS.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    watched: *mut Watched,
}

struct Watched {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
}

unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    unsafe { file.cast::<File>().add(1).cast() }
}

/// Calls `name` of the real file.
macro_rules! forward {
    ($file:expr, $name:ident $(, $arg:expr)*) => {{
        let real = unsafe { inner($file) };
        let method = unsafe { (*(*real).pMethods).$name }.expect("the real VFS has it");
        unsafe { method(real $(, $arg)*) }
    }};
}

/// Notes a change, unless the disk is broken: then the code to fail with.
unsafe fn changed(file: *mut ffi::sqlite3_file, what: impl FnOnce(&mut Image)) -> Option<c_int> {
    let w = unsafe { (*file.cast::<File>()).watched.as_ref() }?;
    let mut disk = held(&w.disk);
    if disk.broken.is_some() {
        return disk.broken;
    }
    disk.step();
    what(disk.files.entry(w.path.clone()).or_default());
    None
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let rc = forward!(file, xClose);
    let watched = unsafe { (*file.cast::<File>()).watched };
    if !watched.is_null() {
        drop(unsafe { Box::from_raw(watched) });
    }
    rc
}
unsafe extern "C" fn read(f: *mut ffi::sqlite3_file, to: *mut c_void, n: c_int, at: i64) -> c_int {
    forward!(f, xRead, to, n, at)
}
unsafe extern "C" fn write(f: *mut ffi::sqlite3_file, from: *const c_void, n: c_int, at: i64) -> c_int {
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), n as usize) }.to_vec();
    let refused = unsafe { changed(f, |image| image.pending.push(Change::Write(at as usize, bytes))) };
    if let Some(code) = refused {
        return code;
    }
    forward!(f, xWrite, from, n, at)
}
unsafe extern "C" fn truncate(f: *mut ffi::sqlite3_file, len: i64) -> c_int {
    let refused = unsafe { changed(f, |image| image.pending.push(Change::Truncate(len as usize))) };
    if let Some(code) = refused {
        return code;
    }
    forward!(f, xTruncate, len)
}
unsafe extern "C" fn sync(f: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // The step comes before: a power cut during an fsync is one without it.
    let refused = unsafe {
        changed(f, |image| {
            let durable = image.durable.get_or_insert_default();
            image.pending.drain(..).for_each(|c| c.apply(durable));
        })
    };
    if let Some(code) = refused {
        return code;
    }
    forward!(f, xSync, flags)
}
unsafe extern "C" fn file_size(f: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    forward!(f, xFileSize, out)
}
unsafe extern "C" fn lock(f: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(f, xLock, level)
}
unsafe extern "C" fn unlock(f: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(f, xUnlock, level)
}
unsafe extern "C" fn reserved(f: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    forward!(f, xCheckReservedLock, out)
}
unsafe extern "C" fn control(f: *mut ffi::sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    forward!(f, xFileControl, op, arg)
}
unsafe extern "C" fn sector(f: *mut ffi::sqlite3_file) -> c_int {
    forward!(f, xSectorSize)
}
unsafe extern "C" fn device(f: *mut ffi::sqlite3_file) -> c_int {
    forward!(f, xDeviceCharacteristics)
}
unsafe extern "C" fn shm_map(
    f: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    forward!(f, xShmMap, page, size, extend, out)
}
unsafe extern "C" fn shm_lock(f: *mut ffi::sqlite3_file, at: c_int, n: c_int, flags: c_int) -> c_int {
    forward!(f, xShmLock, at, n, flags)
}
unsafe extern "C" fn shm_barrier(f: *mut ffi::sqlite3_file) {
    forward!(f, xShmBarrier);
}
unsafe extern "C" fn shm_unmap(f: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    forward!(f, xShmUnmap, delete)
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2: no memory maps, which would write past this file.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector),
    xDeviceCharacteristics: Some(device),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The disk that `path` lies on, and the path.
unsafe fn watched(path: *const c_char) -> Option<Watched> {
    if path.is_null() {
        return None;
    }
    let path = PathBuf::from(unsafe { CStr::from_ptr(path) }.to_str().ok()?);
    let disks = held(&DISKS);
    let disk = disks.iter().find(|d| path.starts_with(&held(d).dir))?;
    Some(Watched { disk: Arc::clone(disk), path })
}

unsafe fn real() -> *mut ffi::sqlite3_vfs {
    unsafe { ffi::sqlite3_vfs_find(c"unix".as_ptr()) }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        (*file).pMethods = std::ptr::null();
        let unix = real();
        let method = (*unix).xOpen.expect("the real VFS has it");
        let rc = method(unix, name, inner(file), flags, out);
        if (*inner(file)).pMethods.is_null() {
            return rc;
        }
        let watched = watched(name);
        if let Some(w) = &watched {
            held(&w.disk).files.entry(w.path.clone()).or_default();
        }
        (*file.cast::<File>()).watched = watched.map_or(std::ptr::null_mut(), |w| Box::into_raw(Box::new(w)));
        (*file).pMethods = &raw const METHODS;
        rc
    }
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    unsafe {
        if let Some(w) = watched(name) {
            let mut disk = held(&w.disk);
            disk.step();
            disk.files.remove(&w.path);
        }
        let unix = real();
        let method = (*unix).xDelete.expect("the real VFS has it");
        method(unix, name, sync_dir)
    }
}

fn register() {
    unsafe {
        ffi::sqlite3_initialize();
        let unix = real();
        let mut vfs = *unix;
        vfs.pNext = std::ptr::null_mut();
        vfs.zName = c"power".as_ptr();
        vfs.szOsFile = size_of::<File>() as c_int + (*unix).szOsFile;
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        let rc = ffi::sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 1);
        assert_eq!(rc, ffi::SQLITE_OK);
    }
}
