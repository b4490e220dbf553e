alterState(state => {
  var total = 0;
  var items = state.data.form.stock.item;
  for (var i = 0; i < items.length; i++) {
    total += Number(items[i].quantity);
  }
  state.data.total = total;
  return state;
});

alterState(function (state) {
  console.log("Total stock: " + state.data.total);
  return state;
});
