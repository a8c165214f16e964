//! Work on a thread of its own.

use std::future::Future;

/// Runs `work` on a thread of its own with the name `name`: what a single thread hands to itself wakes no other,
/// thousands of times a second, and no picture waits for it. Where there can be no such thread, the runtime of the
/// caller does it.
///
/// # Panics
/// When there is no thread for it, and the caller has no runtime.
pub fn spawn(name: &str, work: impl Future<Output = ()> + Send + 'static) {
    let (tx, rx) = std::sync::mpsc::sync_channel(1);
    let thread = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        let wait = move || {
            if let Ok(work) = rx.recv() {
                runtime.block_on(work);
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(wait)
    });
    match thread {
        // It waits for nothing else, and takes one.
        Ok(_) => drop(tx.send(work)),
        Err(_) => drop(tokio::spawn(work)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn work_runs_where_nothing_else_does() {
        let (tx, rx) = std::sync::mpsc::channel();
        super::spawn("work", async move {
            // With time and sockets, and on a runtime.
            tokio::task::yield_now().await;
            let name = std::thread::current().name().map(str::to_owned);
            let _ = tx.send((name, tokio::net::TcpListener::bind("127.0.0.1:0").await.is_ok()));
        });
        assert_eq!(rx.recv(), Ok((Some("work".to_owned()), true)));
    }
}
