import Foundation

/// Standard input, output and error, when whoever started the program closed them.
enum StandardDescriptors {
    /// Fills the places of closed descriptors, so that no file of the store gets the number of
    /// standard output or error and is overwritten by what is printed. What fills them cannot be
    /// used, so that a command whose result goes nowhere fails and says so by its status.
    static func fill() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            let flags = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY
            // The lowest free number is given out, and lower ones have been filled.
            guard open("/dev/null", flags) == descriptor else { exit(1) }
        }
    }
}
