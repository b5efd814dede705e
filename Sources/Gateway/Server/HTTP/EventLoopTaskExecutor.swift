import NIOCore

/// Runs tasks on an event loop, so that a request is answered on the thread that reads it and writes
/// its answer: no other thread has to be woken on the way.
///
/// What blocks, or computes for long, has to leave it: files, databases and passwords have threads
/// of their own.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }
}
