//! What a process can still do once it has given up the rest. Each case is a process of its own: this test, started again,
//! because what is given up is given up for good.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fonio_sandbox::confine::{self, Part, Reach, Work};

/// Tells the process that it is the one to be confined, and where.
const FOLDER: &str = "CONFINED_IN";

/// Runs `case` confined, in a process of its own: the test of this name again.
fn in_a_process(name: &str, case: fn(&Path)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        case(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for inner in ["read", "write"] {
        fs::create_dir(folder.path().join(inner)).expect("a folder");
        fs::write(folder.path().join(inner).join("file"), inner).expect("a file");
    }
    fs::write(folder.path().join("outside"), "outside").expect("a file");
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(std::env::current_exe().expect("a test knows where it is"))
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder.path())
        .output()
        .expect("it starts");
    let said = [stdout, stderr].concat();
    assert!(status.success(), "{}", String::from_utf8_lossy(&said));
}

fn absent(part: &Part) -> bool {
    if let Part::Absent(what) = part {
        eprintln!("SKIPPED: {what} is not in force on this machine");
    }
    matches!(part, Part::Absent(_))
}

/// The version of landlock that has rules for TCP (Linux 6.7).
const OF_CONNECTIONS: u32 = 4;

/// `landlock (version 7)`
fn wall_version(part: &Part) -> u32 {
    let (Part::InForce(said) | Part::Absent(said)) = part;
    let digits: String = said.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("the version is a number")
}

fn refused<T>(done: std::io::Result<T>) -> bool {
    done.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn a_server_reaches_what_is_named_and_nothing_else() {
    in_a_process(
        "a_server_reaches_what_is_named_and_nothing_else",
        |folder| {
            let own = std::env::current_exe().expect("a test knows where it is");
            let mut execute = confine::own_program();
            execute.push(own.clone());
            let reach = Reach {
                read: vec![folder.join("read"), PathBuf::from("/proc")],
                write: vec![folder.join("write")],
                execute,
            };
            if absent(&confine::files(&reach, Work::Serving)) {
                return;
            }
            assert!(fs::read(folder.join("read/file")).is_ok());
            assert!(refused(fs::write(folder.join("read/file"), "")));
            assert!(refused(File::create(folder.join("read/new"))));
            assert!(fs::read(folder.join("write/file")).is_ok());
            assert!(fs::write(folder.join("write/new"), "").is_ok());
            assert!(fs::rename(folder.join("write/new"), folder.join("write/file")).is_ok());
            assert!(fs::remove_file(folder.join("write/file")).is_ok());
            assert!(refused(fs::read(folder.join("outside"))));
            assert!(refused(fs::write(folder.join("outside"), "")));
            assert!(refused(fs::remove_file(folder.join("outside"))));
            assert!(refused(fs::read_dir("/")));
            assert!(refused(std::os::unix::fs::symlink(
                "/etc",
                folder.join("write/link")
            )));
            assert!(refused(
                Command::new("/bin/sh").arg("-c").arg("true").status()
            ));
            let again = Command::new(own).arg("--list").output();
            assert!(again.expect("it may start itself").status.success());
            let listener = TcpListener::bind("127.0.0.1:0").expect("it may listen");
            let address = listener.local_addr().expect("it listens");
            assert!(TcpStream::connect(address).is_ok(), "it may connect");
        },
    );
}

#[test]
fn a_compiler_reaches_nothing_but_what_it_has_opened() {
    in_a_process(
        "a_compiler_reaches_nothing_but_what_it_has_opened",
        |folder| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("it is not confined yet");
            let address = listener.local_addr().expect("it listens");
            let opened = File::open(folder.join("read/file")).expect("it is not confined yet");
            let wall = confine::files(&Reach::default(), Work::Compiling);
            if absent(&wall) {
                return;
            }
            assert_eq!(std::io::read_to_string(opened).expect("it is open"), "read");
            assert!(refused(fs::read(folder.join("read/file"))));
            assert!(refused(fs::write(folder.join("write/file"), "")));
            assert!(refused(
                Command::new("/proc/self/exe").arg("--list").output()
            ));
            if wall_version(&wall) < OF_CONNECTIONS {
                eprintln!("SKIPPED: this kernel's landlock knows nothing of connections");
                return;
            }
            assert!(refused(TcpStream::connect(address)));
        },
    );
}

#[test]
fn system_calls_that_nobody_here_makes_are_refused_and_the_rest_goes_on() {
    in_a_process(
        "system_calls_that_nobody_here_makes_are_refused_and_the_rest_goes_on",
        |_| {
            let parts = confine::privileges(Work::Serving);
            if parts.iter().any(absent) {
                return;
            }
            // Into a namespace of users anybody may go, unless something is in the way.
            let newcomer = rustix::thread::UnshareFlags::NEWUSER;
            // SAFETY: it is refused; and if it were not, no other thread here cares which user it is.
            let unshared = unsafe { rustix::thread::unshare_unsafe(newcomer) };
            assert_eq!(unshared, Err(rustix::io::Errno::PERM));
            let user = rustix::thread::set_thread_uid(rustix::process::getuid());
            assert_eq!(user, Err(rustix::io::Errno::PERM));
            // SAFETY: it takes no memory of ours.
            let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0) };
            assert_eq!(raw, -1);
            assert!(refused::<()>(Err(std::io::Error::last_os_error())));
            let thread = std::thread::spawn(|| 1);
            assert_eq!(thread.join().expect("threads go on"), 1);
            let child = Command::new("/bin/true").status();
            assert!(child.expect("children go on").success());
            assert!(TcpListener::bind("127.0.0.1:0").is_ok(), "sockets go on");
        },
    );
}

#[test]
fn a_compiler_has_no_sockets_and_no_children() {
    in_a_process("a_compiler_has_no_sockets_and_no_children", |_| {
        let parts = confine::privileges(Work::Compiling);
        if parts.iter().any(absent) {
            return;
        }
        assert!(refused(TcpListener::bind("127.0.0.1:0")));
        assert!(refused(Command::new("/bin/true").status()));
        let thread = std::thread::spawn(|| 1);
        assert_eq!(thread.join().expect("threads go on"), 1);
    });
}
