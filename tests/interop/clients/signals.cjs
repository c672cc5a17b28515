// How a test speaks to a client: SIGUSR2 sends an Update, SIGHUP changes the value that is observed, SIGTERM de-registers
// and ends.
exports.obey = ({ update, change, leave }) => {
	for (const [signal, act] of [['SIGUSR2', update], ['SIGHUP', change], ['SIGTERM', leave]])
		process.on(signal, () => Promise.resolve().then(act).catch(exports.fail));
};

exports.fail = (error) => {
	console.error(error);
	process.exit(1);
};
